import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// A model whose weight file is larger than the private memory that a program may have.
@Suite struct MappedWeightsTests {
  /// KiB of private memory. BLAS alone reserves 128 MiB for each thread that multiplies, hence one thread here.
  private static let limit = 216 << 10

  @Test(arguments: [DType.f32, .bf16]) func `weights are mapped, not read`(dtype: DType) throws {
    let sandbox = try Sandbox()
    let bytes = try LargeModel.write(in: sandbox, dtype: dtype)
    #expect(bytes > (Self.limit << 10) + (32 << 20))
    try sandbox.succeed("import-base", ["--base-model", "model", "--output", "base"])
    try sandbox.write(
      (0..<4).map { row in
        "{\"input_ids\": [\((0..<24).map { "\(row * 999 + $0 * 13)" }.joined(separator: ","))]}\n"
      }
      .joined(), to: "rows.jsonl")
    try sandbox.succeed(
      "prepare-data", ["--base", "base", "--data-path", "rows.jsonl", "--output", "dataset"])
    try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "8", "--output", "start"])
    let inputs = ["--base", "base", "--dataset", "dataset", "--threads", "1"]
    let training = try sandbox.run(
      "train-step",
      inputs + ["--checkpoint", "start", "--max-steps", "2", "--batch-size", "2", "--output", "trained"],
      dataLimit: Self.limit)
    #expect(training.code == 0, "\(training.errors)")
    let evaluation = try sandbox.run(
      "evaluate", inputs + ["--checkpoint", "trained", "--split", "train", "--output", "evaluation"],
      dataLimit: Self.limit)
    #expect(evaluation.code == 0, "\(evaluation.errors)")
  }
}

/// A Llama of random weights that is nearly all vocabulary.
private enum LargeModel {
  /// - Returns: the size of the weight file in bytes.
  static func write(in sandbox: Sandbox, dtype: DType) throws -> Int {
    let width = 256
    // As many bytes in either type.
    let vocabulary = (128 << 20) / (width * dtype.size)
    let configuration: JSON = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": .integer(vocabulary),
      "hidden_size": .integer(width), "intermediate_size": 512, "num_hidden_layers": 2,
      "num_attention_heads": 4,
      "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "hidden_act": "silu",
      "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2,
    ]
    try FileManager.default.createDirectory(atPath: sandbox.path("model"), withIntermediateDirectories: true)
    try sandbox.write(configuration.text(), to: "model/config.json")
    let shapes = try ModelConfiguration(file: sandbox.path("model/config.json")).weightShapes
    return try write(shapes, dtype: dtype, to: sandbox.path("model/model.safetensors"))
  }

  /// Writes a file without ever holding it: every tensor repeats one block of random values.
  private static func write(_ shapes: [(name: String, shape: [Int])], dtype: DType, to path: String) throws
    -> Int
  {
    var generator = SeededGenerator(state: 1)
    let values = (0..<(1 << 16)).map { _ in Float.random(in: -0.1...0.1, using: &generator) }
    let block = Data(Tensor(values, shape: [values.count]).bytes(as: dtype))
    var header = JSONObject(), end = 0
    for (name, shape) in shapes {
      let start = end
      end += shape.reduce(1, *) * dtype.size
      header[name] = [
        "dtype": .string(dtype.rawValue), "shape": .array(shape.map { .integer($0) }),
        "data_offsets": [.integer(start), .integer(end)],
      ]
    }
    // Padded as all writers do: tensors that are not aligned cannot be used in place.
    var text = Data(JSON.object(header).text(indent: 0).utf8)
    text.append(contentsOf: Data(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? file.close() }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    try file.write(contentsOf: length + text)
    for start in stride(from: 0, to: end, by: block.count) {
      try file.write(contentsOf: block.prefix(end - start))
    }
    return end
  }
}

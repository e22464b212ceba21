import Failures
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

@testable import Checkpoint

private let fourBit = QuantizationScheme(codes: .fourBit(.nf4, blockSize: 64, isNested: true), dtype: .f32)
private let schemes = [
  fourBit, QuantizationScheme(codes: .fourBit(.fp4, blockSize: 128, isNested: false), dtype: .bf16),
  QuantizationScheme(codes: .int8, dtype: .f32),
]

/// A model with biases and a head of its own.
private func plainModel() throws -> (ModelConfiguration, WeightFiles) {
  let directory = fixture("randlora-ragged-rank/model")
  return (try ModelConfiguration(file: directory + "/config.json"), try WeightFiles(directory: directory))
}

/// Quantizes the model into a directory, with its config.json.
private func quantize(
  _ scheme: QuantizationScheme, skipping modules: [String] = ["lm_head"], from weights: WeightFiles? = nil,
  into directory: TemporaryDirectory
) throws {
  let (configuration, plain) = try plainModel()
  let quantization = try ModelQuantization(
    configuration: configuration, weights: weights ?? plain, scheme: scheme, skipping: modules)
  var bytes = 0
  try quantization.write { "\(directory.path)/\($0)" } progress: { bytes += $0 }
  #expect(bytes == quantization.byteCount)
  let file = fixture("randlora-ragged-rank/model/config.json")
  let original = try #require(try JSONDocument(MappedFile(file).contents, source: file).root.objectValue)
  _ = try directory.write("config.json", quantization.configuration(original).text())
}

/// Opens and checks a directory as whoever uses a model does.
private func open(_ directory: TemporaryDirectory) throws -> (ModelConfiguration, WeightFiles) {
  let configuration = try ModelConfiguration(file: directory.path + "/config.json")
  let weights = try WeightFiles(directory: directory.path)
  try weights.check(against: configuration)
  return (configuration, weights)
}

@Test(arguments: schemes) private func `a quantized model holds its linear layers' codes, and all else as it was`(
  _ scheme: QuantizationScheme
) throws {
  let directory = try TemporaryDirectory()
  try quantize(scheme, into: directory)
  let (_, original) = try plainModel()
  let (configuration, weights) = try open(directory)
  #expect(configuration.quantization?.bits == (scheme.codes == .int8 ? 8 : 4))
  for (name, shape) in configuration.weightShapes {
    let before = try original.weight(name, shape: shape), after = try weights.quantized(name, shape: shape)
    #expect((after != nil) == configuration.linearModules.contains { $0.name + ".weight" == name }, "\(name)")
    if let after {
      #expect(after.scheme == scheme)
      #expect(Weight(after).floats().array == Weight(scheme.quantize(before.floats())).floats().array)
    } else {
      #expect(try weights.weight(name, shape: shape).floats().array == before.floats().array)
    }
  }
}

@Test(arguments: schemes) private func `no tensor of a quantized model has to be copied to be read`(
  _ scheme: QuantizationScheme
) throws {
  let directory = try TemporaryDirectory()
  try quantize(scheme, into: directory)
  var offset = 0
  for tensor in try SafeTensors(directory.path + "/model.safetensors").descriptions {
    #expect(offset % tensor.dtype.size == 0, "\(tensor.name)")
    offset += tensor.byteCount ?? 0
  }
}

@Test func `skipped modules stay, others and the head may be quantized`() throws {
  let directory = try TemporaryDirectory()
  try quantize(fourBit, skipping: ["down_proj", "model.layers.0.self_attn.q_proj"], into: directory)
  let (configuration, weights) = try open(directory)
  let quantized = try configuration.linearWeights.filter { try weights.quantized($0.name, shape: $0.shape) != nil }.map(\.name)
  #expect(quantized.contains("lm_head.weight") && quantized.contains("model.layers.1.self_attn.q_proj.weight"))
  #expect(!quantized.contains("model.layers.0.self_attn.q_proj.weight"))
  #expect(!quantized.contains { $0.contains("down_proj") })
  let error = failure { try quantize(fourBit, skipping: ["lm_hat"], into: directory) }
  #expect(error.kind == .usage && error.message == "no linear layer is called 'lm_hat'")
}

@Test func `the bytes do not depend on how the original is cut into files`() throws {
  let (configuration, weights) = try plainModel()
  let shards = try TemporaryDirectory(), one = try TemporaryDirectory(), many = try TemporaryDirectory()
  let plan = ShardPlan(weights.descriptions.reversed(), limit: 20_000)
  #expect(plan.shards.count > 3)
  for (number, shard) in plan.shards.enumerated() {
    try SafeTensors.write(
      shard.map { ($0.name, .stored(try #require(weights[$0.name]))) }, to: "\(shards.path)/\(plan.name(of: number))")
  }
  _ = try shards.write(WeightFiles.index, try #require(plan.index).text())
  try quantize(fourBit, into: one)
  try quantize(fourBit, from: try WeightFiles(directory: shards.path), into: many)
  let file = "/model.safetensors"
  #expect(try MappedFile(one.path + file).contents == MappedFile(many.path + file).contents)
  let again = failure {
    let (quantized, codes) = try open(one)
    _ = try ModelQuantization(configuration: quantized, weights: codes, scheme: fourBit, skipping: [])
  }
  #expect(again.message == "the model is quantized already")
  #expect(configuration.quantization == nil)
}

// MARK: - Broken files

/// The first quantized weight of the model.
private let weight = "model.layers.0.self_attn.q_proj.weight"

/// What reading says after some tensors are changed or added, and one is left out.
private func message(
  _ change: [String: StoredTensor] = [:], without missing: String = "", of scheme: QuantizationScheme = fourBit
) throws -> String {
  let whole = try TemporaryDirectory(), broken = try TemporaryDirectory()
  try quantize(scheme, into: whole)
  let file = try SafeTensors(whole.path + "/model.safetensors")
  var tensors: [(name: String, tensor: TensorSource)] = []
  for name in file.names where name != missing {
    tensors.append((name, .stored(try change[name] ?? file.tensor(name))))
  }
  for (name, tensor) in change where !file.names.contains(name) { tensors.append((name, .stored(tensor))) }
  try SafeTensors.write(tensors, to: broken.path + "/model.safetensors")
  _ = try broken.write("config.json", try MappedFile(whole.path + "/config.json").contents)
  return failure { _ = try open(broken) }.message
}

private func floats(_ count: Int, _ value: Float = 0) -> StoredTensor {
  StoredTensor([Float](repeating: value, count: count), dtype: .f32, shape: [count])
}

@Test func `broken 4-bit weights are refused by tensor or field`() throws {
  let stateName = weight + ".quant_state.bitsandbytes__nf4"
  func state(_ from: String, _ to: String) throws -> String {
    let directory = try TemporaryDirectory()
    try quantize(fourBit, into: directory)
    let stored = try SafeTensors(directory.path + "/model.safetensors").tensor(stateName)
    let text = unsafe String(decoding: UnsafeRawBufferPointer(start: stored.bytes, count: stored.byteCount), as: UTF8.self)
    #expect(text.contains(from))
    let changed = Array(text.replacing(from, with: to).utf8)
    return try message([stateName: StoredTensor(changed, dtype: .u8, shape: [changed.count])])
  }
  #expect(try message([weight + ".absmax": floats(3)]).contains("absmax' has element type F32, expected U8"))
  let short = StoredTensor([UInt8](repeating: 0, count: 3), dtype: .u8, shape: [3])
  #expect(try message([weight + ".absmax": short]).contains("'\(weight).absmax' has shape [3], expected [40]"))
  #expect(try message([weight + ".quant_map": floats(16)]).contains("quant_map' holds other values than those of nf4"))
  #expect(try message(without: weight + ".nested_absmax").contains("'\(weight).nested_absmax' is missing"))
  #expect(try message([weight + ".nested_quant_map": floats(255)]).contains("has shape [255], expected [256]"))
  #expect(try message([weight: short]).contains("'\(weight)' has 3 bytes of codes, expected 1280"))
  #expect(
    try message([weight + ".quant_state.bitsandbytes__af4": short], without: stateName)
      .contains("'\(weight)' has element type U8, but no state of a quantization that is known"))
  #expect(try message([stateName: short]).contains("not valid JSON"))
  #expect(try state("\"nf4\"", "\"fp4\"").contains("/quant_type: expected 'nf4', found 'fp4'"))
  #expect(try state("\"blocksize\":64", "\"blocksize\":63").contains("/blocksize: no block has 63 elements"))
  #expect(try state("[64,40]", "[40,64]").contains("/shape: expected [64, 40], found [40, 64]"))
  #expect(try state("\"dtype\":\"float32\"", "\"dtype\":\"float8\"").contains("/dtype: 'float8' is no type of weights"))
  #expect(try state("_blocksize\":256", "_blocksize\":128").contains("/nested_blocksize: only 256 is supported"))
  #expect(try state("\"nested_offset\"", "\"nested_upset\"").contains("absmax' has element type U8, expected F32"))
}

@Test func `broken 8-bit weights are refused by tensor`() throws {
  let int8 = QuantizationScheme(codes: .int8, dtype: .f32), scales = weight.replacing("weight", with: "SCB")
  #expect(try message([scales: floats(3)], of: int8).contains("'\(scales)' has shape [3], expected [64]"))
  #expect(try message(without: scales, of: int8).contains("has element type I8, but no state"))
  let format = StoredTensor([UInt8(2)], dtype: .u8, shape: [])
  #expect(try message([weight + "_format": format], of: int8).contains("weight_format' does not say 0"))
}

@Test func `config.json and weights must agree about quantization`() throws {
  let directory = try TemporaryDirectory(), plain = fixture("randlora-ragged-rank/model")
  try quantize(fourBit, into: directory)
  let config = try MappedFile(directory.path + "/config.json").contents
  _ = try directory.write("config.json", try MappedFile(plain + "/config.json").contents)
  #expect(failure { _ = try open(directory) }.message.contains("is quantized to 4 bits, but config.json does not say so"))
  _ = try directory.write("config.json", config)
  _ = try directory.write("model.safetensors", try MappedFile(plain + "/model.safetensors").contents)
  #expect(failure { _ = try open(directory) }.message.contains("no weight is quantized, but config.json's"))
}

@Test func `a damaged quantized model never traps`() throws {
  let whole = try TemporaryDirectory(), broken = try TemporaryDirectory()
  try quantize(fourBit, into: whole)
  let files = try ["config.json", "model.safetensors"].map { try MappedFile("\(whole.path)/\($0)").contents }
  let header = 8 + Int(files[1][0]) + Int(files[1][1]) << 8
  var generator = SeededGenerator(state: 7)
  for round in 0..<400 {
    let config = round % 4 == 0 ? mutated(files[0], using: &generator) : files[0]
    let head = Array(files[1][8..<header])
    let changed = round % 4 == 0 ? head : mutated(head, using: &generator)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: changed.count >> (8 * $0)) }
    _ = try broken.write("config.json", config)
    _ = try broken.write("model.safetensors", length + changed + files[1][header...])
    do {
      _ = try open(broken)
    } catch let error as Failure {
      #expect([.badData, .missingInput].contains(error.kind) && !error.message.isEmpty)
    }
  }
}

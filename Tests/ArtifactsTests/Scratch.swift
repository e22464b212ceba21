import Artifacts
import Failures
import FoundationEssentials
import JSON

/// A directory for one test, removed with the value.
final class Scratch: Sendable {
  let path: String
  /// A memo of the test's own, so that tests neither use nor change the user's.
  let memo: DigestMemo

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/artifacts-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    memo = DigestMemo(file: path + "/memo/digests")
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: URL(filePath: self(name)))
    return self(name)
  }

  func names(in name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: self(name)).sorted()
  }

  /// Writes over a published file, which is read-only.
  func overwrite(_ path: String, with text: String) throws {
    try FileManager.default.removeItem(atPath: path)
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  func writer(_ name: String, _ kind: ArtifactKind = .checkpoint) throws(Failure) -> ArtifactWriter {
    try ArtifactWriter(output: self(name), kind: kind, memo: memo)
  }

  /// Publishes a checkpoint at `step` with one small file.
  @discardableResult
  func checkpoint(_ name: String, step: Int = 3, content: String = "weights") throws -> Artifact {
    let writer = try writer(name)
    try AtomicFile.write(content, to: try writer.path(for: "state/adapter.bin"))
    return try writer.publish(section: Sample.checkpoint(step: step), run: Sample.run)
  }
}

/// Manifest sections that fit their schemas.
enum Sample {
  static let digest = JSON.string(Digest.sha256(Array("x".utf8)).hex)
  static let run = RunRecord(
    stage: "train-step", revision: 1, inputs: [("base", .sha256([1]))], parameters: ["rank": 4])

  static func checkpoint(step: Int) -> JSONObject {
    var section = sections[.checkpoint] ?? [:]
    section["step"] = .integer(step)
    return section
  }

  private static let split: JSON = [
    "rows": 10, "tokens": 100, "supervised_tokens": 60, "truncated_rows": 1, "dropped_rows": 0,
    "longest_row": 20, "dropped": [:], "length_histogram": [["at_most": 16, "rows": 4], ["at_most": 32, "rows": 6]],
  ]

  private static let file: JSON = ["path": "a/b.bin", "bytes": 7, "sha256": digest]

  static let sections: [ArtifactKind: JSONObject] = [
    .base: [
      "model_type": "llama", "architecture": "LlamaForCausalLM", "parameters": 260_032, "weight_dtype": "F32",
      "vocab_size": 512, "context_length": 512, "tie_word_embeddings": true, "base_model_id": "org/name",
      "base_model_revision": nil, "tokenizer_sha256": digest, "quantization": nil,
    ],
    .dataset: [
      "tokenizer_sha256": nil, "vocab_size": 512, "recipe": ["cutoff_len": 256],
      "special_tokens": ["bos": 1, "eos": 2, "pad": nil], "train": split, "validation": split, "test": split,
      "sources": [["name": "rows.jsonl", "bytes": 1000, "sha256": digest, "rows": 12]],
    ],
    .checkpoint: [
      "base": digest, "dataset": digest, "step": 3, "rows_seen": 12, "tokens_seen": 120,
      "supervised_tokens_seen": 60, "adapter": ["r": 4], "trainable_parameters": 640, "bases": "generated",
      "recipe": ["learning_rate": 0.001], "seed": 0, "loss": 1.25, "learning_rate": 0.001,
    ],
    .adapter: [
      "base_model_id": nil, "base": digest, "checkpoint": digest, "step": 3, "method": "lora",
      "trainable_parameters": 640, "save_projection": true,
      "conversion": [
        "adapters": [["checkpoint": digest, "weight": 1]],
        "layers": [["module": "model.layers.0.self_attn.q_proj", "rank": 2, "relative_error": 0.125]],
      ],
    ],
    .evaluation: [
      "base": digest, "dataset": digest, "checkpoint": digest, "step": 3, "method": "lora",
      "trainable_parameters": 640, "split": "validation", "rows": 4, "tokens": 40, "loss": 1.5,
      "perplexity": 4.48,
      "token_accuracy": 0.5, "exact_match": ["rows": 4, "matched": 1, "rate": 0.25, "max_new_tokens": 16],
    ],
    .model: [
      "base": digest, "adapters": [["checkpoint": digest, "weight": 0.5]], "format": "safetensors", "dtype": "BF16", "parameters": 1000,
      "merged_modules": 8, "unmerge_difference": 0.001,
      "base_model_id": nil, "weights": nil, "original_base": nil,
    ],
    .receipt: [
      "artifact": digest, "kind": "model", "scheme": "file", "destination": "model.tar.zst",
      "published": ["files": [file]],
    ],
    .directory: [:],
  ]
}

/// What `body` fails with.
func failure(_ body: () throws -> Void) -> Failure? {
  do { try body() } catch { return error as? Failure }
  return nil
}

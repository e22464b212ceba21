import Checkpoint
import Datasets
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// A case of PEFT as flags and inputs of the programs.
extension PEFTCase {
  /// Makes `base` and `dataset` of the case's model and of all its rows.
  func prepare(in sandbox: Sandbox) throws {
    try sandbox.succeed("import-base", ["--base-model", path("model"), "--output", "base"])
    let lines = try rows().map { row -> String in
      let labels = zip(row.ids, row.supervised).map { $1 ? JSON.integer(Int($0)) : -100 }
      return JSON.object([
        "input_ids": .array(row.ids.map { .integer(Int($0)) }), "labels": .array(labels),
      ]).text(indent: 0) + "\n"
    }
    try sandbox.write(lines.joined(), to: "rows.jsonl")
    try sandbox.succeed(
      "prepare-data", ["--base", "base", "--data-path", "rows.jsonl", "--output", "dataset"])
  }

  /// The flags of init-adapter for an adapter as PEFT's.
  func adapterFlags() throws -> [String] {
    let adapter = try facts().field("adapter")
    let isLoRA = try facts().field("method").string() == "lora"
    var flags = ["--rank", "\(try adapter.field("r").integer())", "--dropout", "0"]
    flags += ["--alpha", "\(try adapter.field(isLoRA ? "lora_alpha" : "randlora_alpha").integer())"]
    flags += ["--target-modules", try strings(adapter.field("target_modules"))]
    if isLoRA { flags.append("--use-lora") }
    for (field, flag) in [
      ("use_rslora", "--use-rslora"), ("sparse", "--sparse"), ("very_sparse", "--very-sparse"),
    ]
    where adapter.value[field] == true { flags.append(flag) }
    if let key = try adapter.optional("projection_prng_key") {
      flags += ["--projection-prng-key", "\(try key.integer())"]
    }
    if let layers = try adapter.optional("layers_to_transform") {
      flags += ["--layers-to-transform", try strings(layers)]
    }
    return flags
  }

  /// The flags of train-step for the case's run.
  func trainingFlags() throws -> [String] {
    let optimiser = try facts().field("optimiser")
    func text(_ field: String) throws -> String { try optimiser.field(field).value.text(indent: 0) }
    return [
      "--base", "base", "--dataset", "dataset", "--no-shuffle", "--max-steps", try text("steps"),
      "--learning-rate", try text("lr"), "--lr-scheduler-type", try optimiser.field("schedule").string(),
      "--warmup-steps", try text("warmup"), "--weight-decay", try text("weight_decay"),
      "--max-grad-norm", try text("clip"), "--batch-size", try text("batch"),
      "--gradient-accumulation-steps", try text("accumulate"),
    ]
  }

  /// The elements of an array with commas between them.
  private func strings(_ field: JSONCursor) throws -> String {
    try field.elements().map { $0.value.stringValue ?? $0.value.text(indent: 0) }.joined(separator: ",")
  }
}

extension Sandbox {
  func tensors(_ file: String) throws -> SafeTensors { try SafeTensors(path(file)) }

  /// The digest of an artifact that a program has just made.
  func digest(_ program: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation)
    throws
    -> String
  {
    let result = try succeed(program, arguments + ["--json"], sourceLocation: sourceLocation).json()
    return try #require(result["digest"]?.stringValue, sourceLocation: sourceLocation)
  }
}

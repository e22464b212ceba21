import Adapters
import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// Every case of PEFT from end to end through the built programs.
@Suite struct PEFTCaseTests {
  /// The largest difference allowed, over the largest value.
  private static let logits: Float = 2e-5, gradients: Float = 2e-4, adapters: Float = 1e-3

  @Test(arguments: PEFTCase.all) func `the programs compute what PEFT computed`(golden: PEFTCase) throws {
    let sandbox = try Sandbox()
    try golden.prepare(in: sandbox)
    try expectLogits("logits.base", of: golden, base: "base", in: sandbox)
    try start(golden, in: sandbox)
    try train(golden, in: sandbox)
    try expectLogits("logits.trained", of: golden, base: "base", checkpoint: "step-12", in: sandbox)
    try sandbox.succeed(
      "init-adapter",
      ["--base", "base", "--from-adapter", golden.path("adapter_trained"), "--output", "trained"])
    try expectLogits("logits.trained", of: golden, base: "base", checkpoint: "trained", in: sandbox)
    for checkpoint in ["step-12", "trained"] { try merge(checkpoint, golden, in: sandbox) }
  }

  /// Makes `step-0`, from the flags of the case where PEFT's start follows from them, else from PEFT's own start.
  private func start(_ golden: PEFTCase, in sandbox: Sandbox) throws {
    let fromPEFT = ["--base", "base", "--from-adapter", golden.path("adapter_init"), "--output"]
    let fromFlags = ["--base", "base"] + (try golden.adapterFlags()) + ["--output"]
    let initial = try golden.adapter("adapter_init")
    guard initial.configuration.method == .randlora else {
      try sandbox.succeed("init-adapter", fromFlags + ["flags"])
      try sandbox.succeed("init-adapter", fromPEFT + ["step-0"])
      let count = try sandbox.json("flags/artifact.json")["checkpoint"]?["trainable_parameters"]
      #expect(try count == golden.facts().field("trainable_parameters").value)
      return
    }
    try sandbox.succeed("init-adapter", fromFlags + ["step-0"])
    try sandbox.succeed(
      "push-artifact",
      ["--artifact", "step-0", "--base", "base", "--to", "dir:adapter", "--output", "receipt"])
    let exported = try sandbox.tensors("adapter/adapter_model.safetensors")
    let written = try SafeTensors(golden.path("adapter_init/adapter_model.safetensors"))
    for name in exported.names {
      #expect(try exported.tensor(name).floats().array == written.tensor(name).floats().array, "\(name)")
    }
    #expect(exported.names.count { $0.hasPrefix("base_model.randlora_") } == 2)
    #expect(exported.names.count == initial.layout.entries.count + 2)
  }

  /// Three steps, whose last gradients are kept, then the other nine.
  private func train(_ golden: PEFTCase, in sandbox: Sandbox) throws {
    let flags = try golden.trainingFlags()
    try sandbox.succeed(
      "train-step",
      flags + ["--checkpoint", "step-0", "--steps", "3", "--save-gradients", "--output", "step-3-gradients"])
    try sandbox.succeed(
      "train-step", flags + ["--checkpoint", "step-0", "--steps", "3", "--output", "step-3"])
    try sandbox.succeed("train-step", flags + ["--checkpoint", "step-3", "--output", "step-12"])

    let metrics = try ["step-3", "step-12"].flatMap {
      try sandbox.json($0 + "/run.json")["metrics"]?.arrayValue ?? []
    }
    let losses = try golden.facts().field("loss").elements()
    #expect(metrics.count == losses.count)
    for (metric, loss) in zip(metrics, losses) {
      let found = try #require(metric["loss"]?.doubleValue)
      #expect(abs(found - (try loss.double())) < 1e-5, "loss of step \(metric["step"] ?? nil)")
    }
    let gradients = try sandbox.tensors("step-3-gradients/gradients.safetensors"),
      expected = try golden.tensors()
    let adapter = try sandbox.tensors("step-12/adapter_model.safetensors"),
      trained = try golden.adapter("adapter_trained")
    for entry in trained.layout.entries {
      let gradient = try gradients.tensor(entry.peftName, shape: entry.shape).floats()
      let theirGradient = try expected.tensor(PEFTCase.gradientName(entry), shape: entry.shape).floats()
      #expect(difference(gradient, theirGradient) < Self.gradients, "gradient of \(entry.name)")
      let mine = try adapter.tensor(entry.peftName, shape: entry.shape).floats()
      let theirs = Tensor(Array(trained.parameters.array[entry.range]), shape: entry.shape)
      #expect(difference(mine, theirs) < Self.adapters, "\(entry.name)")
    }
  }

  /// Merges, imports what came out as a base, and compares its weights and logits with those of PEFT's merged model.
  private func merge(_ checkpoint: String, _ golden: PEFTCase, in sandbox: Sandbox) throws {
    let model = "merged-" + checkpoint
    try sandbox.succeed("merge", ["--base", "base", "--checkpoint", checkpoint, "--output", model])
    try sandbox.succeed("import-base", ["--base-model", model, "--output", model + "-base"])
    try expectLogits("logits.merged", of: golden, base: model + "-base", in: sandbox)
    let weights = try sandbox.tensors(model + "/model.safetensors"), expected = try golden.tensors()
    let merged = expected.names.filter { $0.hasPrefix("merged.") }
    #expect(!merged.isEmpty)
    for name in merged {
      let theirs = try expected.tensor(name).floats()
      let mine = try weights.tensor(String(name.dropFirst("merged.".count)), shape: theirs.shape).floats()
      #expect(difference(mine, theirs) < (checkpoint == "trained" ? Self.logits : Self.adapters), "\(name)")
    }
  }

  /// Evaluates all rows and compares the logits of those that PEFT's were kept of.
  private func expectLogits(
    _ name: String, of golden: PEFTCase, base: String, checkpoint: String? = nil, in sandbox: Sandbox,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let output = "evaluation-\(base)-\(checkpoint ?? "none")"
    try sandbox.succeed(
      "evaluate",
      ["--base", base, "--dataset", "dataset", "--split", "train", "--save-logits", "--output", output]
        + (checkpoint.map { ["--checkpoint", $0] } ?? []))
    let all = try sandbox.tensors(output + "/logits.safetensors").tensor("logits").floats()
    let expected = try golden.logits(name)
    let first = Tensor(Array(all.array.prefix(expected.count)), shape: expected.shape)
    let found = difference(first, expected)
    #expect(
      found < Self.logits, "\(name) on \(base), checkpoint \(checkpoint ?? "none")",
      sourceLocation: sourceLocation)
  }
}

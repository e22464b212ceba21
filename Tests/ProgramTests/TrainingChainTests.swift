import Foundation
import Glibc
import JSON
import TestSupport
import Testing

/// A sandbox with a base, a dataset 'data' of 16 train and 4 validation rows, and an adapter 'start'.
private func sandboxForTraining(_ adapter: [String] = []) throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  let rows = (1...20).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
  try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
  try sandbox.succeed(
    "prepare-data",
    [
      "--base", "base", "--data-path", "data.jsonl", "--val-set-size", "4", "--prompt-style", "plain", "-o",
      "data",
    ])
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "-o", "start"] + adapter)
  return sandbox
}

private let inputs = ["--base", "base", "--dataset", "data"]
private let recipe = ["--batch-size", "2", "--gradient-accumulation-steps", "1", "--learning-rate", "0.01"]

@Test func `one call of several steps and several calls of one give the same bytes`() throws {
  let sandbox = try sandboxForTraining()
  let train = inputs + recipe + ["--max-steps", "3", "--json"]
  let whole = try sandbox.succeed("train-step", train + ["--checkpoint", "start", "-o", "whole"]).json()
  #expect(whole["result"]?["step"] == 3)
  var checkpoint = "start"
  var last = JSON.null
  for step in 1...3 {
    last = try sandbox.succeed(
      "train-step",
      train + [
        "--checkpoint", checkpoint, "--steps", "1", "--threads", "\(1 + step % 2)", "-o", "step-\(step)",
      ]
    ).json()
    checkpoint = "step-\(step)"
  }
  #expect(last["digest"] == whole["digest"])
}

@Test func `a longer segment is not taken for a shorter one that exists`() throws {
  let sandbox = try sandboxForTraining()
  let train = inputs + recipe + ["--max-steps", "3", "--checkpoint", "start"]
  try sandbox.succeed("train-step", train + ["--steps", "1", "-o", "out"])
  let again = try sandbox.succeed("train-step", train + ["--steps", "1", "-o", "out"])
  #expect(again.errors.hasPrefix("'out' is up to date"))
  let longer = try sandbox.run("train-step", train + ["--steps", "2", "-o", "out"])
  #expect(longer.code == 73 && longer.errors.contains("out exists and holds another artifact"))
}

@Test(arguments: [SIGINT, SIGTERM])
func `training that is interrupted goes on from where it stopped`(signal: Int32) throws {
  let sandbox = try sandboxForTraining()
  let train = inputs + recipe + ["--max-steps", "6", "--checkpoint", "start", "--output"]
  let program = try sandbox.start(
    "train-step", train + ["out"], environment: ["RANDLORA_PROGRESS": "json"], errorsTo: NarrowPipe())
  #expect(program.waitUntilHeld())
  program.send(signal)
  let stopped = try program.outcome()
  #expect(stopped.code == 75, "\(stopped.errors)")
  #expect(stopped.errors.contains("hint: run the same command again"))
  #expect(sandbox.names.contains("out.partial") && !sandbox.names.contains("out"))
  try sandbox.succeed("train-step", train + ["out"])
  try sandbox.succeed("train-step", train + ["whole"])
  #expect(try sandbox.read("out/artifact.json") == sandbox.read("whole/artifact.json"))
  #expect(!sandbox.names.contains("out.partial"))
  #expect(sandbox.names.allSatisfy { !$0.contains(".tmp-") })
}

@Test func `what an interrupted run left is not lost to a run with other parameters`() throws {
  let sandbox = try sandboxForTraining()
  let train = inputs + recipe + ["--max-steps", "6", "--checkpoint", "start"]
  try sandbox.succeed("train-step", train + ["--steps", "2", "-o", "out.partial"])  // as an interrupted call leaves it
  let before = try sandbox.read("out.partial/artifact.json")
  let other = try sandbox.run("train-step", train + ["--weight-decay", "0.5", "-o", "out"])
  #expect(other.code == 73)
  #expect(other.errors.contains("'out.partial' holds step 2 of an interrupted run with another weight-decay\nhint: "))
  let shorter = try sandbox.run("train-step", train + ["--steps", "1", "-o", "out"])
  #expect(shorter.code == 73 && shorter.errors.contains("'out.partial' holds step 2 of an interrupted run, which is beyond step 1"))
  #expect(try sandbox.read("out.partial/artifact.json") == before && !sandbox.names.contains("out"))
  let same = try sandbox.succeed("train-step", train + ["--steps", "2", "-o", "out"])
  #expect(same.errors.contains("continuing at step 2 of 2") && !sandbox.names.contains("out.partial"))
  #expect(try sandbox.read("out/artifact.json") == before)
}

@Test func `a warm-up that never ends is warned of, and transformers' name for it is known`() throws {
  let sandbox = try sandboxForTraining()
  let train = inputs + recipe + ["--checkpoint", "start", "--max-steps", "2", "--warmup-steps", "3"]
  let long = try sandbox.succeed("train-step", train + ["--lr-scheduler-type", "constant_with_warmup", "-o", "one"])
  #expect(long.errors.contains("warning: the warm-up of 3 steps is longer than the horizon of 2"))
  try sandbox.succeed("train-step", train + ["--lr-scheduler-type", "constant", "-o", "two"])
  #expect(try sandbox.read("one/artifact.json") == sandbox.read("two/artifact.json"))
}

@Test func `evaluations and exports follow a trained checkpoint`() throws {
  let sandbox = try sandboxForTraining(["--use-lora", "--target-modules", "all-linear"])
  try sandbox.succeed(
    "train-step", inputs + recipe + ["--max-steps", "2", "--checkpoint", "start", "-o", "trained"])
  let before = try sandbox.succeed("evaluate", inputs + ["--json", "-o", "before"]).json()["result"]
  let after = try sandbox.succeed("evaluate", inputs + ["--checkpoint", "trained", "--json", "-o", "after"])
    .json()["result"]
  let again = try sandbox.succeed("evaluate", inputs + ["-o", "before"])
  #expect(again.errors.hasPrefix("'before' is up to date") && again.errors.contains("perplexity"))
  #expect(before?["rows"] == 4 && before?["step"]?.isNull == true)
  #expect(after?["step"] == 2 && after?["method"] == "lora" && after?["loss"] != before?["loss"])
  // What is merged gives what base and adapter give together.
  try sandbox.succeed("merge", ["--base", "base", "--checkpoint", "trained", "-o", "merged"])
  try sandbox.succeed("import-base", ["--base-model", "merged", "-o", "merged-base"])
  let merged = try sandbox.succeed(
    "evaluate", ["--base", "merged-base", "--dataset", "data", "--json", "-o", "merged-evaluation"]
  ).json()["result"]
  let losses = (merged?["loss"]?.doubleValue ?? 0, after?["loss"]?.doubleValue ?? 1)
  #expect(abs(losses.0 - losses.1) < 1e-5 * losses.1)
  try sandbox.succeed(
    "push-artifact", ["--artifact", "trained", "--base", "base", "--to", "dir:peft", "-o", "receipt"])
  #expect(
    String(decoding: try sandbox.read("peft/README.md"), as: UTF8.self).contains("| optimiser steps | 2 |"))
}

@Test func `a prompt that fills the context counts as wrong and is warned of`() throws {
  let sandbox = try sandboxWithBase()
  let instruction = String(repeating: "x", count: 70)
  try sandbox.write(#"{"instruction":"\#(instruction)","output":"y"}"# + "\n", to: "data.jsonl")
  try sandbox.succeed("prepare-data", ["--base", "base", "--data-path", "data.jsonl", "-o", "data"])
  let outcome = try sandbox.succeed(
    "evaluate", inputs + ["--split", "train", "--exact-match", "--json", "-o", "evaluation"])
  #expect(try outcome.json()["result"]?["exact_match"]?["matched"] == 0)
  #expect(outcome.errors.contains("warning: prompts that fill the model's context of 64 tokens, and count as wrong: 1"))
}

@Test func `training refuses what does not belong together`() throws {
  let sandbox = try sandboxForTraining()
  try TinyModel.write(in: sandbox, as: "other-model", seed: 2)
  try sandbox.succeed("import-base", ["--base-model", "other-model", "--output", "other"])
  func fail(_ arguments: [String], _ code: Int32, _ message: String, _ at: SourceLocation = #_sourceLocation)
    throws
  {
    try sandbox.fail(
      "train-step", arguments + ["-o", "out"], code: code, saying: message, sourceLocation: at)
  }
  try fail(["--base", "other", "--dataset", "data", "--checkpoint", "start"], 65, "was made for the base")
  try fail(
    ["--base", "base", "--dataset", "start", "--checkpoint", "start"], 65,
    "start is a checkpoint, not a dataset")
  try fail(
    ["--base", "base", "--dataset", "data", "--checkpoint", "data"], 65, "data is a dataset, not a checkpoint"
  )
  try fail(inputs, 64, "Missing expected argument '--checkpoint <checkpoint>'")
  try fail(inputs + ["--checkpoint", "start", "--steps", "0"], 64, "--steps must be at least 1")
  try fail(
    inputs + ["--checkpoint", "start", "--learning-rate", "0"], 64, "--learning-rate must be a number greater than 0")
  try fail(inputs + ["--checkpoint", "nowhere"], 66, "there is no artifact at nowhere")
  try sandbox.succeed(
    "train-step",
    inputs + recipe + ["--max-steps", "2", "--steps", "1", "--checkpoint", "start", "-o", "one"])
  try fail(
    inputs + ["--checkpoint", "one", "--max-steps", "2", "--learning-rate", "0.5"], 65, "was trained with")
  try fail(inputs + recipe + ["--checkpoint", "one", "--max-steps", "1"], 65, "was trained with max-steps 2")
}

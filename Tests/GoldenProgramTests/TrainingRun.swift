import Foundation
import JSON
import TestSupport
import Testing

/// Forty steps with all that could make two runs differ: dropout, an order of rows of its own for each epoch, windows
/// of several batches, a learning rate that moves.
final class TrainingRun {
  static let steps = 40

  let sandbox: Sandbox
  private let flags: [String]

  /// - Parameter adapter: further flags of init-adapter.
  init(adapter: [String]) throws {
    sandbox = try Sandbox()
    try PEFTCase("randlora-wide").prepare(in: sandbox)
    try sandbox.succeed(
      "init-adapter",
      [
        "--base", "base", "--rank", "8", "--target-modules", "q_proj,v_proj,up_proj,down_proj", "--dropout",
        "0.05",
      ]
        + adapter + ["--output", "start"])
    flags = [
      "--base", "base", "--dataset", "dataset", "--max-steps", "\(Self.steps)", "--learning-rate", "0.003",
      "--lr-scheduler-type", "cosine", "--warmup-ratio", "0.1", "--batch-size", "3",
      "--gradient-accumulation-steps", "3", "--seed", "7",
    ]
  }

  private func arguments(_ output: String, from checkpoint: String, _ further: [String]) -> [String] {
    flags + further + ["--checkpoint", checkpoint, "--output", output]
  }

  /// Trains to the end, or as far as `--steps` says.
  /// - Returns: the digest of the checkpoint.
  func train(_ output: String, from checkpoint: String = "start", _ further: [String] = []) throws -> String {
    try sandbox.digest("train-step", arguments(output, from: checkpoint, further))
  }

  /// Trains on, meets the program at the step after the one where it starts and sends it a signal.
  func stop(_ output: String, from checkpoint: String, with signal: Int32) throws -> Outcome {
    let program = try sandbox.start(
      "train-step", arguments(output, from: checkpoint, []), environment: ["RANDLORA_PROGRESS": "json"],
      errorsTo: NarrowPipe())
    #expect(program.waitUntilHeld())
    program.send(signal)
    return try program.outcome()
  }

  /// The same with a signal that asks to stop.
  /// - Returns: the step at which `OUTPUT.partial` stands.
  func interrupt(
    _ output: String, from checkpoint: String, with signal: Int32 = SIGINT,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Int? {
    let outcome = try stop(output, from: checkpoint, with: signal)
    #expect(outcome.code == 75 && outcome.signal == nil, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.errors.contains("'\(output).partial' holds the state"), sourceLocation: sourceLocation)
    #expect(!sandbox.names.contains(output), sourceLocation: sourceLocation)
    return try sandbox.json(output + ".partial/artifact.json")["checkpoint"]?["step"]?.integerValue
  }
}

import Foundation
import JSON
import TestSupport
import Testing

/// A whole pipeline with the real programs, stopped in the middle of a training and run again.
@Suite struct InterruptedPipelineTests {
  private static let steps = 400

  /// train-step behind a script that says when it begins to train.
  private static func script(_ sandbox: Sandbox) -> String {
    """
    #!/bin/sh
    case "$*" in *--describe*|*--plan*|*--influences*) ;; *) touch '\(sandbox.path("started"))' ;; esac
    exec '\(Bundle.main.bundleURL.appendingPathComponent("train-step").path)' "$@"

    """
  }

  private static let pipeline = """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      data: {stage: prepare-data, base: base, with: {data-path: data.jsonl, prompt-style: plain}}
      start: {stage: init-adapter, base: base, with: {rank: 2}}
      trained:
        {stage: ./train, base: base, dataset: data, checkpoint: start, export: out,
         with: {max-steps: \(steps), batch-size: 2, gradient-accumulation-steps: 1}}

    """

  private func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try TinyModel.write(in: sandbox)
    let rows = (1...20).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
    try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
    try sandbox.write(Self.script(sandbox), to: "train")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: sandbox.path("train"))
    try sandbox.write(Self.pipeline, to: "pipeline.yaml")
    return sandbox
  }

  /// Runs the pipeline.
  ///
  /// - Parameter interrupting: whether to send SIGINT soon after the training has begun.
  private func run(in sandbox: Sandbox, interrupting: Bool = false) throws -> Outcome {
    let runner = try sandbox.start("randlora", ["run", "pipeline.yaml"])
    if interrupting {
      for _ in 0..<6000 where !FileManager.default.fileExists(atPath: sandbox.path("started")) { usleep(10_000) }
      usleep(200_000)
      runner.send(SIGINT)
    }
    return try runner.outcome()
  }

  @Test func `a pipeline that is stopped in a training goes on from there, to the same bytes`() throws {
    let (stopped, whole) = (try sandbox(), try sandbox())
    let first = try run(in: stopped, interrupting: true)
    #expect(first.code == 75, "\(first.errors)")
    #expect(first.errors.contains("the same command goes on from here"), "\(first.errors)")
    #expect(!stopped.names.contains("out"))
    #expect(try run(in: stopped).code == 0)
    #expect(try run(in: whole).code == 0)
    #expect(try stopped.read("out/artifact.json") == whole.read("out/artifact.json"))
    #expect(try run(in: stopped).errors.contains("4 up to date"))
  }
}

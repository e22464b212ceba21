import ArgumentParser
import Artifacts
import Failures
import Glibc
import Pipeline
import StageSupport

/// What every question about a pipeline needs.
struct PipelineOptions: ParsableArguments {
  @Argument(help: "The pipeline file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
  var file: String

  @OptionGroup var parameters: ParameterSettings

  func pipeline() throws(Failure) -> PipelineFile {
    try PipelineFile(path: file, settings: parameters.values())
  }

  /// The store beside the pipeline file, or the one that the environment names.
  func store(_ pipeline: PipelineFile) throws(Failure) -> Store { try StorePlace.open(of: pipeline) }

  /// Finds out what a run would do, and what it would exit with at once: 0 if it could begin.
  func plan(
    _ pipeline: PipelineFile, _ targets: [String], _ store: Store
  ) async throws(Failure) -> (events: [RunEvent], exitCode: Int32) {
    let events = EventLog()
    let summary = try await pipeline.plan(targets, in: store, report: events.add)
    return (events.all.inOrder(of: pipeline), summary.exitCode)
  }
}

extension PipelineFile {
  /// What a run would give.
  func plan(
    _ targets: [String] = [], in store: Store, report: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws(Failure) -> RunSummary {
    var options = RunOptions()
    (options.dryRun, options.keepGoing) = (true, true)
    let build = Build(
      store: store, processes: LocalProcesses(siblings: SiblingProgram.directory), options: options, report: report)
    return try await build.run(try selection(targets))
  }
}

import ArgumentParser
import Artifacts
import Failures
import Pipeline
import StageSupport

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Bring the stages of a pipeline up to date.",
    discussion: """
      Only what is out of date runs: results are known by the content of what they are made from. Training goes on \
      from the latest state that is known. Ctrl-C lets the running stages finish their step and keep it; the same \
      command goes on from there. A second Ctrl-C stops at once.

      Exits with 0, with 75 after an interruption, with 69 where --no-wait found another runner at work, with 124 \
      where a stage ran out of time, or as the first stage that failed did.
      """)

  @OptionGroup var options: PipelineOptions
  @Argument(help: "Stages to make, each with what it is made from; all when none is given.")
  var stages: [String] = []
  @Option(parsing: .singleValue, help: "Run this stage even if its result is known; may be repeated.")
  var force: [String] = []
  @OptionGroup var settings: RunSettings

  /// Whether everything is known to be up to date, and was shown.
  func isUpToDate() throws -> Bool {
    guard canBeRemembered, case .directory = try FileStatus(storeRoot, followingLinks: true) else { return false }
    let store = try StorePlace.open(storeRoot)
    guard let summary = try memo(store).recall() else { return false }
    try settings.show(summary, of: options.file, in: store)
    return true
  }

  func run() async throws {
    let store = try StorePlace.open(storeRoot)
    let witness = Witness()
    let summary = try await Witness.$current.withValue(witness) {
      let pipeline = try options.pipeline()
      let selected = try pipeline.selection(stages)
      for name in force { try requireSelected(name, in: pipeline, selected) }
      _ = try FileStatus(SiblingProgram.own)
      return try await settings.run(selected, of: pipeline, in: store, forced: force)
    }
    if canBeRemembered, summary.isQuiet, !store.isReadOnly, let testimony = witness.testimony {
      try memo(store).remember(summary, testimony)
    }
  }

  /// - Throws: `Failure.usage` when a stage that is to run is none, or none of those that were asked for.
  private func requireSelected(
    _ name: String, in pipeline: PipelineFile, _ selected: [StageDeclaration]
  ) throws(Failure) {
    _ = try pipeline.selection([name])
    guard selected.contains(where: { $0.name == name || $0.family == name }) else {
      throw Failure(
        .usage, "--force \(name): nothing that is asked for is made from '\(name)'", hint: "name it as a stage to make, too")
    }
  }

  private var storeRoot: String { StorePlace.named ?? PipelineFile.storePath(beside: options.file) }

  /// Only the plain question is remembered: events, reasons and checks in full take the long way.
  private var canBeRemembered: Bool {
    force.isEmpty && !settings.dryRun && !settings.json && !settings.push && settings.verify == .memoised
  }

  private func memo(_ store: Store) throws -> PlanMemo {
    let question = [try Files.absolute(options.file), Console.environment("PATH") ?? "", SiblingProgram.own]
    return PlanMemo(store, question: question + options.parameters.settings + ["--"] + stages)
  }
}

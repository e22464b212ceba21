import ArgumentParser
import Artifacts
import Failures
import JSON
import Pipeline
import StageSupport

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Say in words why a stage would run, or what its result is.")

  @OptionGroup var options: PipelineOptions
  @Argument(help: "The stages; all when none is given.")
  var stages: [String] = []

  @Flag(help: "Print JSON lines.")
  var json = false

  func run() async throws {
    let pipeline = try options.pipeline()
    let store = try options.store(pipeline)
    let selected = pipeline.stages.filter {
      stages.isEmpty || stages.contains($0.name) || stages.contains($0.family)
    }
    let (events, exitCode) = try await options.plan(pipeline, stages, store)
    for event in events where isSelected(event.label, selected) {
      if json { Console.printResult(JSON.object(event.json).text(indent: 0)) } else { show(event, store) }
    }
    if exitCode != 0 { throw ExitCode(exitCode) }
  }

  private func show(_ event: RunEvent, _ store: Store) {
    switch event {
    case .reused(let label, let digest):
      Console.printResult("\(label) is up to date: \(store.objectPath(digest))")
    case .wouldRun(let label, let reasons):
      Console.printResult("\(label) would run:")
      for reason in reasons { Console.printResult("  \(reason.text)") }
    case .wouldExport(let label, let path): Console.printResult("\(label) would be exported to \(path)")
    case .failed(let label, let failure, _, _): Console.printResult("\(label) cannot run: \(failure.message)")
    case .skipped(let label, let cause): Console.printResult("\(label) cannot run: '\(cause)' cannot be made")
    default: return
    }
  }

  /// Whether an action belongs to a stage that was asked for; `trained.evaluate@100` belongs to `trained`.
  private func isSelected(_ label: RunEvent.Label, _ selected: [StageDeclaration]) -> Bool {
    selected.contains { label.stage == $0.name || label.stage == $0.name + ".evaluate" }
  }
}

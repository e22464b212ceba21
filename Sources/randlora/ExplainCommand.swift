import ArgumentParser
import Artifacts
import Failures
import Pipeline
import StageSupport

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Say in words why a stage would run, or what its result is.")

  @OptionGroup var options: PipelineOptions
  @Argument(help: "The stages; all when none is given.")
  var stages: [String] = []

  func run() async throws {
    let pipeline = try options.pipeline()
    let store = try options.store(pipeline)
    let selected = pipeline.stages.filter {
      stages.isEmpty || stages.contains($0.name) || stages.contains($0.family)
    }
    for event in try await options.plan(pipeline, stages, store).inOrder(of: pipeline) {
      switch event {
      case .reused(let label, let digest) where isSelected(label, selected):
        Console.printResult("\(label) is up to date: \(store.root)/objects/\(digest)")
      case .wouldRun(let label, let reasons) where isSelected(label, selected):
        Console.printResult("\(label) would run:")
        for reason in reasons { Console.printResult("  \(reason.text)") }
      default: continue
      }
    }
  }

  /// Whether an action belongs to a stage that was asked for; `trained.evaluate@100` belongs to `trained`.
  private func isSelected(_ label: RunEvent.Label, _ selected: [StageDeclaration]) -> Bool {
    selected.contains { label.stage == $0.name || label.stage == $0.name + ".evaluate" }
  }
}

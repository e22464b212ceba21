import ArgumentParser
import Artifacts
import Failures
import JSON
import Pipeline
import StageSupport

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show which stages are up to date, and why the others are not.")

  @OptionGroup var options: PipelineOptions
  @Argument(help: "Stages to look at, each with what it is made from; all when none is given.")
  var stages: [String] = []

  @Flag(help: "Print JSON lines, as 'run --dry-run --json' does.")
  var json = false

  func run() async throws {
    let pipeline = try options.pipeline()
    let (events, exitCode) = try await options.plan(pipeline, stages, options.store(pipeline))
    if json {
      for event in events { Console.printResult(JSON.object(event.json).text(indent: 0)) }
    } else {
      show(events)
    }
    if exitCode != 0 { throw ExitCode(exitCode) }
  }

  private func show(_ events: [RunEvent]) {
    var table = TextTable(.text("stage"), .text("state"), .text(""))
    for event in events {
      switch event {
      case .reused(let label, let digest): table.add("\(label)", "up to date", String(digest.hex.prefix(12)))
      case .wouldRun(let label, let reasons):
        table.add("\(label)", "to run", reasons.map(\.text).joined(separator: "; "))
      case .wouldExport(let label, let path): table.add("\(label)", "to export", path)
      case .failed(let label, let failure, _, _): table.add("\(label)", "cannot run", failure.message)
      case .skipped(let label, let cause): table.add("\(label)", "cannot run", "'\(cause)' cannot be made")
      default: continue
      }
    }
    Console.printResult(table.lines.joined(separator: "\n"))
  }
}

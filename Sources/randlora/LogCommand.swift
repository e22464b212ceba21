import ArgumentParser
import Artifacts
import Failures
import FoundationEssentials
import Pipeline
import StageSupport

struct LogCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "List what was made, when and how long it took; with a stage, also where its logs are.")

  @OptionGroup var options: PipelineOptions
  @Argument(help: "The stage; all when none is given.")
  var stage: String?

  func run() async throws {
    let store = try options.store(try options.pipeline())
    var table = TextTable(.text("made at"), .text("stage"), .number("seconds"), .text("output"), .text("log"))
    let records = store.records().filter { stage == nil || $0.name == stage }
    for record in records.sorted(by: { $0.startedAt < $1.startedAt }) {
      let name = record.name + (record.preimage.step.map { "@\($0)" } ?? "")
      table.add(
        record.startedAt.formatted(.iso8601), name, NumberText.fixed(record.seconds, decimals: 1),
        String(record.output.hex.prefix(12)), stage == nil ? "" : store.logPath(try record.preimage.key))
    }
    Console.printResult(table.lines.joined(separator: "\n"))
  }
}

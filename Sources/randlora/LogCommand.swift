import ArgumentParser
import Artifacts
import Failures
import FoundationEssentials
import JSON
import Pipeline
import StageSupport

struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "List what was made, when and how long it took; with a stage, also where its logs are.")

  @OptionGroup var options: PipelineOptions
  @Argument(help: "The stage; all when none is given.")
  var stage: String?
  @Flag(help: "Print JSON lines, with everything that decided each result.")
  var json = false

  func run() throws {
    let pipeline = try options.pipeline()
    if let stage { _ = try pipeline.selection([stage]) }
    let store = try options.store(pipeline)
    let records = store.records().filter { stage == nil || $0.name == stage || $0.name.hasPrefix("\(stage ?? "")[") }
      .sorted { ($0.startedAt, $0.label) < ($1.startedAt, $1.label) }
    json ? try printLines(records, store) : try printTable(records, store)
  }

  private func printTable(_ records: [ActionRecord], _ store: Store) throws(Failure) {
    var table = TextTable(.text("made at"), .text("stage"), .number("seconds"), .text("output"), .text("log"))
    for record in records {
      table.add(
        record.startedAt.formatted(.iso8601), record.label, NumberText.fixed(record.seconds, decimals: 1),
        String(record.output.hex.prefix(12)), stage == nil ? "" : store.logPath(try record.preimage.key))
    }
    Console.printResult(table.lines.joined(separator: "\n"))
  }

  private func printLines(_ records: [ActionRecord], _ store: Store) throws(Failure) {
    for record in records {
      let key = try record.preimage.key
      let line: JSON = [
        "key": .string(key.hex), "name": .string(record.label), "action": record.preimage.json,
        "output": .string(record.output.hex), "started_at": .string(record.startedAt.formatted(.iso8601)),
        "seconds": .number(record.seconds), "log": .string(store.logPath(key)),
      ]
      Console.printResult(line.text(indent: 0))
    }
  }
}

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
    abstract: "List what was made, when and how long it took; with a stage, also where its logs are.",
    discussion: """
      'randlora log FILE' lists the results in the store of a pipeline file, 'randlora log' those of any store: 'randlora \
      finetune' keeps one beside its --output-dir (--store out/.randlora).
      """)

  @Argument(help: "The pipeline file (YAML), if any.", completion: .file(extensions: ["yaml", "yml"]))
  var file: String?
  @Argument(help: "The stage; all when none is given.")
  var stage: String?
  @OptionGroup var parameters: ParameterSettings
  @OptionGroup var options: StoreOptions
  @Flag(help: "Print JSON lines, with everything that decided each result.")
  var json = false

  func run() throws {
    let (store, records, isOfStage) = try subject()
    let sorted = records.sorted { ($0.startedAt, $0.label) < ($1.startedAt, $1.label) }
    json ? try printLines(sorted, store) : try printTable(sorted, store, withLogs: isOfStage)
  }

  /// What is asked about: a pipeline or a stage of it, or all that a store holds, or a stage of that: a word that is no file.
  private func subject() throws(Failure) -> (Store, [ActionRecord], isOfStage: Bool) {
    guard let file, stage != nil || Files.exists(file) && !Files.isDirectory(file) else {
      guard parameters.settings.isEmpty else { throw Failure(.usage, "--set needs the pipeline file that it is for") }
      let store = try options.open(), all = store.records()
      guard let stage = file else { return (store, all, false) }
      let records = all.filter { $0.isOf(stage) }
      guard !records.isEmpty else {
        throw Failure(
          .missingInput, "'\(stage)' is no pipeline file, and the store \(store.root) has nothing of a stage of that name",
          hint: all.suggestion(for: stage))
      }
      return (store, records, true)
    }
    let pipeline = try PipelineFile(path: file, settings: parameters.values())
    if let stage { _ = try pipeline.selection([stage]) }
    let store = try StorePlace.open(of: pipeline, at: options.store)
    return (store, store.records().filter { record in stage.map(record.isOf) ?? true }, stage != nil)
  }

  private func printTable(_ records: [ActionRecord], _ store: Store, withLogs: Bool) throws(Failure) {
    var table = TextTable(.text("made at"), .text("stage"), .number("seconds"), .text("output"), .text("log"))
    for record in records {
      table.add(
        record.startedAt.formatted(.iso8601), record.label, NumberText.fixed(record.seconds, decimals: 1),
        String(record.output.hex.prefix(12)), withLogs ? store.logPath(try record.preimage.key) : "")
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

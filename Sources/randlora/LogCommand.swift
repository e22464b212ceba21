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
    let (store, stage) = try subject()
    let records = store.records().filter { record in stage.map(record.isOf) ?? true }
      .sorted { ($0.startedAt, $0.label) < ($1.startedAt, $1.label) }
    json ? try printLines(records, store) : try printTable(records, store, logs: stage != nil)
  }

  /// What is asked about: the stage of a pipeline, or of a store; a word that is no file is a stage.
  private func subject() throws(Failure) -> (Store, stage: String?) {
    guard let file, stage != nil || Files.exists(file) else {
      let store = try options.open()
      if let file, !store.records().contains(where: { $0.isOf(file) }) { throw ArtifactReference(file).isUnknown(to: store) }
      return (store, file)
    }
    let pipeline = try PipelineFile(path: file, settings: parameters.values())
    if let stage { _ = try pipeline.selection([stage]) }
    return (try StorePlace.open(options.store ?? StorePlace.named ?? pipeline.storePath), stage)
  }

  private func printTable(_ records: [ActionRecord], _ store: Store, logs: Bool) throws(Failure) {
    var table = TextTable(.text("made at"), .text("stage"), .number("seconds"), .text("output"), .text("log"))
    for record in records {
      table.add(
        record.startedAt.formatted(.iso8601), record.label, NumberText.fixed(record.seconds, decimals: 1),
        String(record.output.hex.prefix(12)), logs ? store.logPath(try record.preimage.key) : "")
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

import ArgumentParser
import Artifacts
import Failures
import FoundationEssentials
import JSON
import Pipeline
import StageSupport

struct GCCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Free space in a store.",
    discussion: """
      Always removes what killed runners left behind and what was damaged. With --max-age and --max-size, also results: \
      those that were not used for so long, then those that are worth least, which is the fewest seconds of work a \
      byte. What is removed is forgotten with its record, and made again when it is needed. 'randlora pin' keeps an \
      artifact for good.
      """)

  @OptionGroup var options: StoreOptions
  @Option(help: "Bytes that may stay, such as 20GB, 500MB or 1.5TB.")
  var maxSize: ByteCount?
  @Option(help: "Remove what was not used for so long, such as 30d, 12h or 8w.")
  var maxAge: TimeSpan?
  @Flag(name: [.customShort("n"), .long], help: "Only say what would go.")
  var dryRun = false
  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let budget = StoreCollection.Budget(bytes: maxSize?.bytes, age: maxAge?.seconds)
    let collection = try options.open().collect(budget, dryRun: dryRun)
    Console.printResult(json ? collection.json.text() : text(collection))
  }

  private func text(_ collection: StoreCollection) -> String {
    var table = TextTable(
      .text("artifact"), .text("kind"), .text("made as"), .number("size"), .number("seconds"), .text("last used"),
      .text("because of"))
    for (entry, reason) in collection.removals {
      table.add(
        String(entry.digest.hex.prefix(12)), entry.kind?.rawValue ?? "", entry.names.joined(separator: ", "),
        NumberText.bytes(entry.bytes), NumberText.fixed(entry.seconds, decimals: 1),
        entry.lastUse.formatted(.iso8601), reason.rawValue)
    }
    let removed = "\(collection.removals.count) artifacts (\(NumberText.bytes(collection.bytes)))"
    let kept = "\(collection.kept.count) (\(NumberText.bytes(collection.keptBytes))) \(dryRun ? "would stay" : "stay")"
    let sum = "\(dryRun ? "would remove" : "removed") \(removed); \(kept)"
    return ((collection.removals.isEmpty ? [] : table.lines) + [sum]).joined(separator: "\n")
  }
}

extension StoreCollection {
  fileprivate var json: JSON {
    let removed = removals.map { entry, reason -> JSON in
      [
        "digest": .string(entry.digest.hex), "names": .array(entry.names.map { .string($0) }),
        "bytes": .integer(entry.bytes), "seconds": .number(entry.seconds),
        "last_used": .string(entry.lastUse.formatted(.iso8601)), "reason": .string(reason.rawValue),
      ]
    }
    return [
      "removed": .array(removed), "removed_bytes": .integer(bytes), "kept": .integer(kept.count),
      "kept_bytes": .integer(keptBytes),
    ]
  }
}

import ArgumentParser
import Artifacts
import Failures
import JSON
import Pipeline
import StageSupport

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read everything in a store again, and put aside what is damaged.",
    discussion: """
      What is put aside is made again when it is next needed; nothing has to be repaired by hand. Exits with 65 when \
      anything was damaged.
      """)

  @OptionGroup var options: StoreOptions
  @Flag(name: [.customShort("n"), .long], help: "Only say what is damaged.")
  var dryRun = false
  @Flag(help: "Print JSON.")
  var json = false
  @Flag(name: [.short, .long], help: "Show no progress.")
  var quiet = false

  func run() throws {
    let store = try options.open()
    let total = StoreContents(store).entries.reduce(0) { $0 + $1.fileBytes }
    let bar = Console.standard(quiet: quiet).progress("reading", total: total, unit: "byte")
    var done = 0
    let scrub = StoreScrub(store, quarantines: !dryRun && !store.isReadOnly) { bytes in
      done += bytes
      bar.update(done)
    }
    bar.finish()
    Console.printResult(json ? scrub.json.text() : scrub.lines.joined(separator: "\n"))
    if !scrub.damages.isEmpty { throw ExitCode(Failure.Kind.badData.rawValue) }
  }
}

extension StoreScrub {
  fileprivate var lines: [String] {
    let sum = "\(NumberText.count(objects)) artifacts (\(NumberText.bytes(bytes))) and \(NumberText.count(records)) records are whole"
    let lost = missing == 0 ? [] : ["\(NumberText.count(missing)) records lead to artifacts that are gone"]
    return damages.map { "\($0.isLoss ? "incomplete" : "damaged"): \($0.reason)" } + [sum] + lost
  }

  fileprivate var json: JSON {
    let damaged = damages.map { damage -> JSON in
      [
        damage.isRecord ? "key" : "digest": .string(damage.digest.hex), "reason": .string(damage.reason),
      ]
    }
    return [
      "artifacts": .integer(objects), "bytes": .integer(bytes), "records": .integer(records),
      "records_without_artifact": .integer(missing), "damaged": .array(damaged),
    ]
  }
}

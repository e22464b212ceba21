import ArgumentParser
import Artifacts
import Failures
import Pipeline
import StageSupport

struct PinCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Keep an artifact from being removed by 'randlora gc', whatever the budget.")

  @Argument(help: "The artifact, as for 'randlora show'; the pinned ones are listed when none is given.")
  var artifact: String?
  @OptionGroup var options: ArtifactOptions
  @Flag(help: "Remove the pin.")
  var remove = false

  func run() async throws {
    try options.check(artifact ?? "")
    guard let artifact else {
      let store = try options.place.open()
      for digest in store.pins { Console.printResult(digest.hex) }
      return
    }
    let (found, known) = try await options.find(artifact)
    let store = try known ?? options.place.open()
    guard !remove || store.pins.contains(found.digest) else {
      throw Failure(.usage, "\(found.kind.words) \(found.digest) is not pinned", hint: "'randlora pin' lists those that are")
    }
    try store.pin(found.digest, !remove)
    Console.printResult("\(remove ? "unpinned" : "pinned") \(found.kind.rawValue) \(found.digest)")
  }
}

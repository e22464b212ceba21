import ArgumentParser
import Artifacts
import Pipeline
import StageSupport

struct PinCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Keep an artifact from being removed by 'randlora gc', whatever the budget.")

  @Argument(help: "The artifact, as for 'randlora show'; the pinned ones are listed when none is given.")
  var artifact: String?
  @OptionGroup var options: StoreOptions
  @Flag(help: "Remove the pin.")
  var remove = false

  func run() throws {
    let store = try options.open()
    guard let artifact else {
      for digest in store.pins { Console.printResult(digest.hex) }
      return
    }
    try store.pin(try ArtifactReference(artifact).artifact(in: store).digest, !remove)
  }
}

import ArgumentParser
import JSON
import Pipeline
import StageSupport

struct LineageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lineage", abstract: "Show what an artifact was made from, and that from what, as a tree.")

  @Argument(help: StoreOptions.artifactHelp)
  var artifact: String
  @OptionGroup var options: StoreOptions
  @Flag(help: "Print JSON: every artifact with the action that made it.")
  var json = false

  func run() throws {
    let (artifact, store) = try options.find(artifact)
    let lineage = Lineage(of: artifact, in: store)
    Console.printResult(json ? lineage.json.text() : lineage.text)
  }
}

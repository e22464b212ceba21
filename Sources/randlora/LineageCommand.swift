import ArgumentParser
import JSON
import Pipeline
import StageSupport

struct LineageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lineage", abstract: "Show what an artifact was made from, and that from what, as a tree.")

  @Argument(help: ArtifactOptions.help)
  var artifact: String
  @OptionGroup var options: ArtifactOptions
  @Flag(help: "Print JSON: every artifact with the action that made it.")
  var json = false

  func run() async throws {
    try options.check(artifact)
    let (artifact, store) = try await options.find(artifact)
    let lineage = Lineage(of: artifact, in: store)
    Console.printResult(json ? lineage.json.text() : lineage.text)
  }
}

import ArgumentParser
import Artifacts
import JSON
import Pipeline
import StageSupport

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Say what differs between two artifacts, and why.",
    discussion: """
      First the causes: parameters, revisions and inputs in which the two differ, down through everything that they \
      were made from. Then what the artifacts say of themselves, and their files. Exits with 0 either way.
      """)

  @Argument(help: ArtifactOptions.help)
  var first: String
  @Argument(help: "The other one.")
  var second: String
  @OptionGroup var options: ArtifactOptions
  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    try options.check(first, second)
    let (left, store) = try await options.find(first)
    let (right, _) = try await options.find(second)
    let difference = ArtifactDifference(left, right, in: store)
    if json {
      Console.printResult(difference.json.text())
    } else if left.digest == right.digest {
      Console.printResult("the same \(left.kind.rawValue): \(left.digest)")
    } else {
      Console.printResult(
        (["\(left.kind.rawValue) \(left.digest.hex.prefix(12)) → \(right.kind.rawValue) \(right.digest.hex.prefix(12))"]
          + difference.lines.map { "  " + $0 }).joined(separator: "\n"))
    }
  }
}

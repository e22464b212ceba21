import ArgumentParser
import Artifacts
import Failures
import JSON
import StageSupport

struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print what an artifact is, and how it came about.")

  @Argument(help: "The artifact's directory.", completion: .directory)
  var artifact: String

  func run() throws {
    let artifact = try Artifact.open(artifact, verify: .sizes)
    let files = artifact.files.map { file -> JSON in
      ["path": .string(file.path), "bytes": .integer(file.bytes)]
    }
    let description: JSON = [
      "kind": .string(artifact.kind.rawValue), "digest": .string(artifact.digest.hex),
      artifact.kind.rawValue: artifact.section.value, "files": .array(files),
      "run": artifact.runRecord ?? .null,
    ]
    Console.printResult(description.text())
  }
}

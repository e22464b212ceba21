import ArgumentParser
import Artifacts
import Failures
import FoundationEssentials
import JSON
import Pipeline
import StageSupport

struct ShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print what an artifact is, and how it came about.")

  @Argument(help: ArtifactOptions.help)
  var artifact: String
  @OptionGroup var options: ArtifactOptions
  @Flag(help: "Print JSON, with all that was measured on the way.")
  var json = false

  func run() async throws {
    try options.check(artifact)
    let (artifact, store) = try await options.find(artifact)
    let origin = Origin(of: artifact, in: store.map(RecordIndex.init))
    if json {
      Console.printResult(description(artifact, origin).text())
    } else {
      Console.printResult((lines(artifact) + (origin.map(lines) ?? [])).joined(separator: "\n"))
    }
  }

  private func description(_ artifact: Artifact, _ origin: Origin?) -> JSON {
    let files = artifact.files.map { file -> JSON in
      ["path": .string(file.path), "bytes": .integer(file.bytes), "sha256": .string(file.sha256.hex)]
    }
    return [
      "kind": .string(artifact.kind.rawValue), "digest": .string(artifact.digest.hex),
      "path": .string(artifact.directory), artifact.kind.rawValue: artifact.section.value,
      "files": .array(files), "origin": origin.map { .object($0.json) } ?? .null,
      "run": artifact.runRecord ?? .null,
    ]
  }

  private func lines(_ artifact: Artifact) -> [String] {
    let section = artifact.manifest.section.members.map { ($0.key, Self.text($0.value)) }
    let files = artifact.files.map { ($0.path, NumberText.bytes($0.bytes)) }
    return Self.lines(
      "\(artifact.kind.rawValue) \(artifact.digest)", [("directory", artifact.directory)] + section + files)
  }

  private func lines(_ origin: Origin) -> [String] {
    let action = origin.preimage
    var facts: [(String, String)] = []
    if let name = origin.name { facts.append(("as", name)) }
    if let startedAt = origin.startedAt { facts.append(("on", startedAt.formatted(.iso8601))) }
    if let seconds = origin.seconds { facts.append(("in", NumberText.fixed(seconds, decimals: 1) + " s")) }
    facts += action.inputs.sorted { $0.key < $1.key }.map { ("from \($0.key)", $0.value.hex) }
    facts += action.contents.sorted { $0.key < $1.key }.map { ("content of \($0.key)", $0.value.hex) }
    facts += action.parameters.members.map { ("--\($0.key)", Self.text($0.value)) }
    return Self.lines("made by \(action.stage), revision \(action.revision)", facts)
  }

  private static func text(_ value: JSON) -> String { value.stringValue ?? value.text(indent: 0) }

  /// A heading and facts below it.
  private static func lines(_ heading: String, _ facts: [(String, String)]) -> [String] {
    var table = TextTable(.text(""), .text(""))
    for (name, value) in facts { table.add("  " + name, Console.printable(value)) }
    return [heading] + table.lines.dropFirst()
  }
}

import ArgumentParser
import Artifacts
import Failures
import Hub
import JSON
import StageSupport

@main struct PushArtifact: StageCommand {
  static let stage = StageDescription(
    name: "push-artifact", revision: 2,
    inputs: [
      .required("artifact", .base, .dataset, .checkpoint, .adapter, .evaluation, .model),
      .optional("base", .base),
    ],
    output: .receipt,
    parameters: [.result("to"), .result("save-projection"), .never("replace")], actsElsewhere: true,
    abstract: "Publish an artifact and write a receipt.",
    discussion: """
      A checkpoint is published as an adapter, a directory that Hugging Face PEFT loads; this needs its base. A base is published with its \
      files. What lies at the destination already must be equal, unless --replace is given.
      """)

  @OptionGroup var options: StageOptions

  @Option(help: "The artifact to publish.", completion: .directory)
  var artifact: String

  @Option(help: "The base of the checkpoint that is published.", completion: .directory)
  var base: String?

  @Option(
    help: """
      Where to: dir:PATH for a directory or file:PATH.tar.zst for an archive. hf://[datasets/|spaces/]ORG/NAME[@REVISION], \
      oci://HOST[:PORT]/REPOSITORY:TAG and s3://BUCKET/PREFIX are reserved for a later version.
      """)
  var to: String

  @Flag(
    inversion: .prefixedNo,
    help: """
      Put RandLoRA's random bases into the adapter. Without them PEFT draws its own, which are the same only with \
      torch 2.15 or later.
      """)
  var saveProjection = true

  @Flag(help: "Let an older artifact of the same kind, or an archive, at the destination give way.")
  var replace = false

  /// The destination is checked before anything is read.
  func resolve() throws { _ = try destination() }

  func execute(_ stage: Stage) throws {
    let destination = try destination()
    let (artifact, files) = try publish(to: destination, stage)
    stage.console.table(Self.summary(of: files))
    stage.console.note("published \(artifact.kind.words) to \(to)")
    try stage.publish(try stage.writer(), section: section(of: artifact, destination, files))
  }

  /// Publishes the artifact, or what PEFT loads of it.
  private func publish(
    to destination: Destination, _ stage: Stage
  ) throws -> (artifact: Artifact, files: [ArtifactFile]) {
    var artifact = try stage.input("artifact")
    let scratch = try ScratchDirectory()
    defer { withExtendedLifetime(scratch) {} }
    if artifact.kind == .checkpoint {
      artifact = try export(artifact, stage).write(
        to: scratch.path + "/adapter", record: lineage(of: artifact))
    }
    try stage.refuseOther([
      "artifact": .string(artifact.digest.hex), "scheme": .string(destination.scheme),
      "destination": .string(destination.name),
    ])
    let files: [ArtifactFile]
    switch destination {
    case .directory(let path):
      files = try Publication(artifact).copy(
        to: path, record: lineage(of: try stage.input("artifact")),
        replacing: replace)
    case .archive(let path): files = try Publication(artifact).pack(to: path, replacing: replace)
    case .huggingFace, .registry, .objectStore: throw notAvailable(destination)
    }
    return (artifact, files)
  }

  private func export(_ checkpoint: Artifact, _ stage: Stage) throws(Failure) -> AdapterExport {
    guard let base = stage.optionalInput("base") else {
      throw Failure(
        .usage, "publishing a checkpoint needs its base", hint: "give the --base that it was trained on")
    }
    try stage.require("artifact", names: "base", of: "base")
    return try AdapterExport(checkpoint: checkpoint, base: base, saveProjection: saveProjection)
  }

  private func destination() throws(Failure) -> Destination {
    let destination = try Destination(to)
    switch destination {
    case .directory, .archive: return destination
    case .huggingFace, .registry, .objectStore: throw notAvailable(destination)
    }
  }

  private func notAvailable(_ destination: Destination) -> Failure {
    Failure(
      .usage, "pushing to \(destination.scheme):// is not available in this version",
      hint: "push to dir:PATH or file:PATH.tar.zst, and upload that")
  }

  /// What goes out with a copy says which artifact it was made from, and nothing about this machine.
  private func lineage(of artifact: Artifact) -> RunRecord {
    RunRecord(
      stage: Self.stage.name, revision: Self.stage.revision, inputs: [("artifact", artifact.digest)],
      parameters: ["save-projection": .bool(saveProjection)])
  }

  private func section(
    of artifact: Artifact, _ destination: Destination, _ files: [ArtifactFile]
  ) -> JSONObject {
    let published = files.map { file -> JSON in
      ["path": .string(file.path), "bytes": .integer(file.bytes), "sha256": .string(file.sha256.hex)]
    }
    return [
      "artifact": .string(artifact.digest.hex), "kind": .string(artifact.kind.rawValue),
      "scheme": .string(destination.scheme), "destination": .string(destination.name),
      "published": ["files": .array(published)],
    ]
  }

  private static func summary(of files: [ArtifactFile]) -> TextTable {
    var table = TextTable(.text("file"), .number("size"), .text("SHA-256"))
    for file in files {
      table.add(file.path, NumberText.bytes(file.bytes), String(file.sha256.hex.prefix(12)))
    }
    return table
  }
}

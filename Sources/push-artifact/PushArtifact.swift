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
    parameters: [
      .result("to"), .result("save-projection"), .result("create-pr"), .never("private"),
      .never("commit-message"),
      .never("replace"),
    ], actsElsewhere: true,
    abstract: "Publish an artifact and write a receipt.",
    discussion: """
      A checkpoint is published as an adapter, a directory that Hugging Face PEFT loads; this needs its base. A \
      base is published with its files. What lies in a directory or archive already must be equal, unless --replace \
      is given; on the Hugging Face Hub every push is a commit, made only where something changes, which also removes \
      what an older artifact had besides. The Hub is asked as HF_TOKEN (or 'hf auth login') says, at HF_ENDPOINT.
      """)

  @OptionGroup var options: StageOptions

  @Option(help: "The artifact to publish.", completion: .directory)
  var artifact: String

  @Option(help: "The base of the checkpoint that is published.", completion: .directory)
  var base: String?

  @Option(
    help: """
      Where to: dir:PATH for a directory, file:PATH.tar.zst for an archive, or \
      hf://[datasets/|spaces/]ORG/NAME[@BRANCH] for a repository of the Hugging Face Hub, which is made if need be. \
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

  @Flag(
    help: """
      Let an older artifact of the same kind, or an archive, at the destination give way; on the Hub, an artifact of \
      another kind.
      """)
  var replace = false

  @Flag(
    name: [.long, .customLong("hub-private-repo")],
    help: "Make a repository of the Hub that is new for its owner alone.")
  var `private` = false

  @Option(help: "What the commit on the Hub is called. Without it, what is pushed.")
  var commitMessage: String?

  @Flag(help: "Propose the commit on the Hub as a pull request.")
  var createPR = false

  /// The destination is checked before anything is read.
  func resolve() throws {
    if case .huggingFace = try destination() { return }
    let given =
      `private` ? "--private" : createPR ? "--create-pr" : commitMessage.map { _ in "--commit-message" }
    if let given {
      throw Failure(.usage, "\(given) is for the Hugging Face Hub, not for \(to)", hint: "leave it out")
    }
  }

  func execute(_ stage: Stage) throws {
    let destination = try destination()
    let (artifact, files, commit) = try publish(to: destination, stage)
    stage.console.table(Self.summary(of: files))
    stage.console.note(Self.news(artifact, to, files.count, commit))
    let metrics = commit.map {
      ["commit": $0.commit.map { .string($0) } ?? .null, "url": $0.url.map { .string($0) } ?? .null] as JSON
    }
    try stage.publish(
      try stage.writer(), section: section(of: artifact, destination, files),
      metrics: metrics.map { [$0] } ?? [])
  }

  private static func news(_ artifact: Artifact, _ place: String, _ count: Int, _ commit: HubPush.Outcome?)
    -> String
  {
    guard let commit else { return "published \(artifact.kind.words) to \(place)" }
    if commit.url == nil, commit.unchanged == count {
      return "\(place) holds \(artifact.kind.words) as it is; there was nothing to push"
    }
    return
      "pushed \(artifact.kind.words): \(count - commit.unchanged) of \(count) files are new at \(commit.url ?? place)"
  }

  /// Publishes the artifact, or what PEFT loads of it.
  private func publish(
    to destination: Destination, _ stage: Stage
  ) throws -> (artifact: Artifact, files: [ArtifactFile], commit: HubPush.Outcome?) {
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
    let publication = Publication(artifact)
    switch destination {
    case .directory(let path):
      let files = try publication.copy(
        to: path, record: lineage(of: try stage.input("artifact")),
        replacing: replace)
      return (artifact, files, nil)
    case .archive(let path): return (artifact, try publication.pack(to: path, replacing: replace), nil)
    case .huggingFace(let repository):
      let (files, commit) = try push(publication, of: artifact.kind, to: repository, stage.console)
      return (artifact, files, commit)
    case .registry, .objectStore: throw notAvailable(destination)
    }
  }

  private func push(
    _ publication: Publication, of kind: ArtifactKind, to repository: HuggingFaceRepository,
    _ console: Console
  ) throws(Failure) -> (files: [ArtifactFile], outcome: HubPush.Outcome) {
    let hub = try HuggingFaceHub(environment: Console.environment) { Interruption.isRequested }
    let options = HubPush.Options(
      message: commitMessage ?? "Upload \(kind.rawValue)", isPrivate: `private` ? true : nil,
      createsPullRequest: createPR,
      replacesOtherKinds: replace)
    let outcome = try console.transfer("uploading") { begin throws(Failure) in
      try publication.push(to: repository, of: hub, options, progress: begin)
    }
    if `private`, outcome.outcome.wasThere {
      console.warn("'\(repository.id)' was there before, and stays as public or private as it is")
    }
    return outcome
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
    case .directory, .archive, .huggingFace: return destination
    case .registry, .objectStore: throw notAvailable(destination)
    }
  }

  private func notAvailable(_ destination: Destination) -> Failure {
    Failure(
      .usage, "pushing to \(destination.scheme):// is not available in this version",
      hint: "push to hf://ORG/NAME, or to dir:PATH or file:PATH.tar.zst and upload that")
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

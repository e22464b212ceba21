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
      what an older artifact had besides. The Hub is asked as HF_TOKEN (or 'hf auth login') says, at HF_ENDPOINT; a \
      registry as 'docker login', 'oras login' or 'skopeo login' left it, in the files that they share; an object store \
      as AWS_ACCESS_KEY_ID or 'aws configure' says, at AWS_ENDPOINT_URL or Amazon's own.
      """)

  @OptionGroup var options: StageOptions

  @Option(help: "The artifact to publish.", completion: .directory)
  var artifact: String

  @Option(help: "The base of the checkpoint that is published.", completion: .directory)
  var base: String?

  @Option(
    help: """
      Where to: dir:PATH for a directory, file:PATH.tar.zst for an archive, \
      hf://[datasets/|spaces/]ORG/NAME[@BRANCH] for a repository of the Hugging Face Hub, which is made if need be, \
      oci://HOST[:PORT]/REPOSITORY:TAG for a container registry, or s3://BUCKET/PREFIX for an object store.
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
      Let an older artifact of the same kind, an archive, or what a registry's tag or an object store's prefix \
      holds give way; on the Hub, an artifact of another kind.
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
    if case .huggingFace = try Destination(to) { return }
    let given =
      `private` ? "--private" : createPR ? "--create-pr" : commitMessage.map { _ in "--commit-message" }
    if let given {
      throw Failure(.usage, "\(given) is for the Hugging Face Hub, not for \(to)", hint: "leave it out")
    }
  }

  func execute(_ stage: Stage) throws {
    let destination = try Destination(to)
    let (artifact, delivery) = try publish(to: destination, stage)
    stage.console.table(Self.summary(of: delivery.files))
    stage.console.note(Self.news(artifact, to, delivery))
    if artifact.kind == .adapter, artifact.section.value["base_model_id"]?.isNull == true {
      stage.console.note("it names no base model: import the base with --base-model-id ORG/NAME for others to find it by")
    }
    try stage.publish(
      try stage.writer(), section: section(of: artifact, destination, delivery.files),
      metrics: delivery.push.map { [$0.record] } ?? [])
  }

  private static func news(_ artifact: Artifact, _ place: String, _ delivery: Delivery) -> String {
    guard let push = delivery.push else { return "published \(artifact.kind.words) to \(place)" }
    guard let made = push.made else {
      return "\(place) holds \(artifact.kind.words) as it is; there was nothing to push"
    }
    let count = delivery.files.count
    return "pushed \(artifact.kind.words): \(count - push.unchanged) of \(count) files are new at \(made)"
  }

  /// What lies at the destination now.
  private struct Delivery {
    /// What a server did.
    struct Push {
      /// Where to look at what was made; nil when nothing had to be.
      let made: String?
      /// How many files were there.
      let unchanged: Int
      /// What the run record keeps of it.
      let record: JSON
    }

    let files: [ArtifactFile]
    var push: Push?
  }

  /// Publishes the artifact, or what PEFT loads of it.
  private func publish(
    to destination: Destination, _ stage: Stage
  ) throws -> (artifact: Artifact, Delivery) {
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
      return (artifact, Delivery(files: files))
    case .archive(let path):
      return (artifact, Delivery(files: try publication.pack(to: path, replacing: replace)))
    case .huggingFace(let repository):
      return (artifact, try push(publication, of: artifact.kind, to: repository, stage.console))
    case .registry(let reference): return (artifact, try push(publication, to: reference, stage.console))
    case .objectStore(let bucket, let prefix): return (artifact, try push(publication, bucket, prefix, stage.console))
    }
  }

  private func push(
    _ publication: Publication, of kind: ArtifactKind, to repository: HuggingFaceRepository,
    _ console: Console
  ) throws(Failure) -> Delivery {
    let hub = try HuggingFaceHub(environment: Console.environment) { Interruption.isRequested }
    let options = HubPush.Options(
      message: commitMessage ?? "Upload \(kind.rawValue)", isPrivate: `private` ? true : nil,
      createsPullRequest: createPR,
      replacesOtherKinds: replace)
    let (files, outcome) = try console.transfer("uploading") { begin throws(Failure) in
      try publication.push(to: repository, of: hub, options, progress: begin)
    }
    if `private`, outcome.wasThere {
      console.warn("'\(repository.id)' was there before, and stays as public or private as it is")
    }
    let isNew = outcome.url != nil || outcome.unchanged < files.count
    return Delivery(
      files: files,
      push: Delivery.Push(
        made: isNew ? outcome.url ?? to : nil, unchanged: outcome.unchanged,
        record: [
          "commit": outcome.commit.map { .string($0) } ?? .null,
          "url": outcome.url.map { .string($0) } ?? .null,
        ]))
  }

  private func push(
    _ publication: Publication, to reference: RegistryReference, _ console: Console
  ) throws(Failure) -> Delivery {
    let registry = try ContainerRegistry(reference, environment: Console.environment) {
      Interruption.isRequested
    }
    let (files, outcome) = try console.transfer("uploading") { begin throws(Failure) in
      try publication.push(to: registry, replacing: replace, progress: begin)
    }
    return Delivery(
      files: files,
      push: Delivery.Push(
        made: outcome.wasThere ? nil : "\(to) (\(outcome.manifest.prefix(19)))", unchanged: outcome.unchanged,
        record: ["manifest": .string(outcome.manifest)]))
  }

  private func push(
    _ publication: Publication, _ bucket: String, _ prefix: String, _ console: Console
  ) throws(Failure) -> Delivery {
    let store = try ObjectStore(bucket: bucket, prefix: prefix, environment: Console.environment) {
      Interruption.isRequested
    }
    let (files, outcome) = try console.transfer("uploading") { begin throws(Failure) in
      try publication.push(to: store, replacing: replace, progress: begin)
    }
    return Delivery(
      files: files,
      push: Delivery.Push(
        made: outcome.wasThere ? nil : to, unchanged: outcome.unchanged, record: ["prefix": .string(to)]))
  }

  private func export(_ checkpoint: Artifact, _ stage: Stage) throws(Failure) -> AdapterExport {
    guard let base = stage.optionalInput("base") else {
      throw Failure(
        .usage, "publishing a checkpoint needs its base", hint: "give the --base that it was trained on")
    }
    try stage.require("artifact", names: "base", of: "base")
    return try AdapterExport(checkpoint: checkpoint, base: base, saveProjection: saveProjection)
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

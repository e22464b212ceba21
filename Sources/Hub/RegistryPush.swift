import Artifacts
import Failures
import JSON

/// Files on their way into a container registry, under one tag.
///
/// Every file is a layer of its own, as it is, so that equal files are kept and sent once (CNCF ModelPack
/// specification, github.com/modelpack/model-spec). ORAS, skopeo and modctl pull it; what ORAS leaves is the artifact.
package struct RegistryPush {
  package struct Outcome: Sendable {
    /// What pins the manifest: `sha256:…`.
    package let manifest: String
    /// How many files the repository had.
    package let unchanged: Int
    /// Whether the tag held just this before.
    package let wasThere: Bool
  }

  private struct Blob {
    let digest: Digest
    let body: HTTPRequest.Body
    let bytes: Int

    var name: String { "sha256:" + digest.hex }
  }

  private static let manifestType = "application/vnd.oci.image.manifest.v1+json"
  /// What a tag may hold besides; without them registries deny that it holds anything.
  private static let otherTypes = [
    "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ]

  private let registry: ContainerRegistry
  private let files: [OutgoingFile]
  private let kind: ArtifactKind
  private let replacing: Bool

  /// - Parameter replacing: whether what the tag holds gives way.
  init(_ files: [OutgoingFile], of kind: ArtifactKind, to registry: ContainerRegistry, replacing: Bool) {
    (self.files, self.kind, self.registry, self.replacing) = (files, kind, registry, replacing)
  }

  private var reference: RegistryReference { registry.reference }

  /// Sends what the repository does not have, and puts the tag to it.
  ///
  /// - Parameters:
  ///   - progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Throws: `Failure.outputExists` when the tag holds something else, `Failure.missingInput` when the registry grants no
  ///   access, `Failure.io` when it cannot be reached, `Failure.interrupted`.
  func callAsFunction(progress: (_ total: Int) -> (Int) -> Void) throws(Failure) -> Outcome {
    let config = try config.canonical
    let configBlob = Blob(digest: .sha256(config), body: .bytes(config), bytes: config.count)
    let manifest = try manifest(configBlob).canonical
    let name = "sha256:" + Digest.sha256(manifest).hex
    if try holds(manifest) { return Outcome(manifest: name, unchanged: files.count, wasThere: true) }
    var pending: [Blob] = []
    var unchanged = 0
    for file in files {
      let blob = Blob(digest: file.sha256, body: .file(path: file.path, 0..<file.bytes), bytes: file.bytes)
      if try has(blob) {
        unchanged += 1
      } else if !pending.contains(where: { $0.digest == blob.digest }) {
        pending.append(blob)
      }
    }
    if try !has(configBlob) { pending.append(configBlob) }
    let sent = progress(pending.reduce(0) { $0 + $1.bytes })
    for blob in pending { try send(blob, sent) }
    try put(manifest)
    return Outcome(manifest: name, unchanged: unchanged, wasThere: false)
  }

  // MARK: - What is kept

  /// What the whole is, by ModelPack's schema; nothing in it tells when or where it was made.
  private var config: JSON {
    let model = reference.repository.split(separator: "/").last.map(String.init) ?? ""
    let hasWeights = files.contains { $0.name.hasSuffix(".safetensors") }
    return [
      "descriptor": ["name": .string(model)],
      "config": hasWeights ? ["format": "safetensors"] : [:],
      "modelfs": ["type": "layers", "diffIds": .array(files.map { .string("sha256:" + $0.sha256.hex) })],
    ]
  }

  private func manifest(_ config: Blob) -> JSON {
    [
      "schemaVersion": 2, "mediaType": .string(Self.manifestType),
      "artifactType": "application/vnd.cncf.model.manifest.v1+json",
      "config": [
        "mediaType": "application/vnd.cncf.model.config.v1+json", "digest": .string(config.name), "size": .integer(config.bytes),
      ],
      "layers": .array(
        files.map { file in
          [
            "mediaType": .string(mediaType(of: file)), "digest": .string("sha256:" + file.sha256.hex),
            "size": .integer(file.bytes),
            // ModelPack's name for the path, and the one by which ORAS calls the file.
            "annotations": [
              "org.cncf.model.filepath": .string(file.name), "org.opencontainers.image.title": .string(file.name),
            ],
          ]
        }),
    ]
  }

  private func mediaType(of file: OutgoingFile) -> String {
    let role =
      if file.name.hasSuffix(".md") { "doc" } else if file.name == Manifest.fileName { "weight.config" } else if kind == .dataset {
        "dataset"
      } else if file.name.hasSuffix(".safetensors") || file.name.hasSuffix(".gguf") { "weight" } else { "weight.config" }
    return "application/vnd.cncf.model.\(role).v1.raw"
  }

  // MARK: - What is there

  /// Whether the tag holds just this manifest.
  private func holds(_ manifest: [UInt8]) throws(Failure) -> Bool {
    let url = try registry.url("manifests/\(reference.tag)")
    let types = ([Self.manifestType] + Self.otherTypes).joined(separator: ", ")
    let response = try registry.ask(HTTPRequest(url: url, headers: [("Accept", types)]))
    if response.status == 404 { return false }
    guard response.isSuccess else { throw registry.refusal(response, of: url) }
    if response.body == manifest { return true }
    guard replacing else {
      throw Failure(
        .outputExists, "oci://\(reference) holds something else (sha256:\(Digest.sha256(response.body).hex))",
        hint: "push under another tag, or let it give way with --replace")
    }
    return false
  }

  private func has(_ blob: Blob) throws(Failure) -> Bool {
    let url = try registry.url("blobs/\(blob.name)")
    let response = try registry.ask(HTTPRequest(method: "HEAD", url: url))
    if response.status == 404 { return false }
    // The place of a blob may be another one; that there is such a place says enough.
    guard response.isSuccess || response.isRedirect else { throw registry.refusal(response, of: url) }
    return true
  }

  // MARK: - What is sent

  /// Sends a blob in one piece. A connection that is lost takes the upload with it, which is begun anew then.
  private func send(_ blob: Blob, _ sent: @escaping (Int) -> Void) throws(Failure) {
    var last: (response: HTTPResponse, url: URLText)?
    for _ in 0..<3 {
      let start = try registry.url("blobs/uploads/")
      let begun = try registry.ask(HTTPRequest(method: "POST", url: start, body: .bytes([])))
      guard begun.status == 202, let location = begun.headers["location"] else {
        throw registry.refusal(begun, of: start)
      }
      let place = try start.following(location).adding(query: "digest=\(blob.name)")
      var count = 0
      let response = try registry.ask(
        HTTPRequest(
          method: "PUT", url: place, headers: [("Content-Type", "application/octet-stream")], body: blob.body)
      ) {
        count += $0
        sent($0)
      }
      if response.isSuccess { return }
      last = (response, place)
      guard [404, 416].contains(response.status) else { break }
      sent(-count)
    }
    if let last { throw registry.refusal(last.response, of: last.url) }
  }

  private func put(_ manifest: [UInt8]) throws(Failure) {
    let url = try registry.url("manifests/\(reference.tag)")
    let response = try registry.ask(
      HTTPRequest(method: "PUT", url: url, headers: [("Content-Type", Self.manifestType)], body: .bytes(manifest)))
    guard response.isSuccess else { throw registry.refusal(response, of: url) }
  }
}

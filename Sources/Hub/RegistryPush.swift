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
    let name: String
    let body: HTTPRequest.Body
    let bytes: Int

    init(_ file: OutgoingFile) {
      (name, body, bytes) = (file.sha256.registryName, .file(path: file.path, 0..<file.bytes), file.bytes)
    }

    init(_ content: [UInt8]) {
      (name, body, bytes) = (Digest.sha256(content).registryName, .bytes(content), content.count)
    }
  }

  private static let manifestType = "application/vnd.oci.image.manifest.v1+json"
  /// Whatever a tag holds; of what is not named here, registries may deny that it is there.
  private static let anyType = [
    manifestType, "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json", "*/*",
  ].joined(separator: ", ")

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
  /// - Parameter progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Throws: `Failure.outputExists` when the tag holds something else, `Failure.missingInput` when the registry grants no
  ///   access, `Failure.io` when it cannot be reached, `Failure.badData` when what it answers makes no sense,
  ///   `Failure.interrupted`, and as `RegistryCredentials.find` does.
  func callAsFunction(progress: (_ total: Int) -> (Int) -> Void) throws(Failure) -> Outcome {
    let config = Blob(try config.canonical)
    let manifest = Blob(try manifest(config).canonical)
    if try holds(manifest) { return Outcome(manifest: manifest.name, unchanged: files.count, wasThere: true) }
    let missing = try missing(files.map(Blob.init) + [config])
    let sent = progress(missing.reduce(0) { $0 + $1.bytes })
    for blob in missing { try send(blob, sent) }
    let url = try registry.url("manifests/\(reference.tag)")
    let response = try registry.ask(
      HTTPRequest(
        method: "PUT", url: url, headers: [("Content-Type", Self.manifestType)], body: manifest.body))
    guard response.isSuccess else { throw registry.refusal(response, of: url) }
    let unchanged = files.count { file in !missing.contains { $0.name == file.sha256.registryName } }
    return Outcome(manifest: manifest.name, unchanged: unchanged, wasThere: false)
  }

  // MARK: - What is kept

  /// What the whole is, by ModelPack's schema; nothing in it tells when or where it was made.
  private var config: JSON {
    let model = reference.repository.split(separator: "/").last.map(String.init) ?? ""
    let hasWeights = files.contains { $0.name.hasSuffix(".safetensors") }
    return [
      "descriptor": ["name": .string(model)],
      "config": hasWeights ? ["format": "safetensors"] : [:],
      "modelfs": ["type": "layers", "diffIds": .array(files.map { .string($0.sha256.registryName) })],
    ]
  }

  private func manifest(_ config: Blob) -> JSON {
    [
      "schemaVersion": 2, "mediaType": .string(Self.manifestType),
      "artifactType": "application/vnd.cncf.model.manifest.v1+json",
      "config": [
        "mediaType": "application/vnd.cncf.model.config.v1+json", "digest": .string(config.name),
        "size": .integer(config.bytes),
      ],
      "layers": .array(
        files.map { file in
          [
            "mediaType": .string(mediaType(of: file)), "digest": .string(file.sha256.registryName),
            "size": .integer(file.bytes),
            // ModelPack's name for the path, and the one by which ORAS calls the file.
            "annotations": [
              "org.cncf.model.filepath": .string(file.name),
              "org.opencontainers.image.title": .string(file.name),
            ],
          ]
        }),
    ]
  }

  private func mediaType(of file: OutgoingFile) -> String {
    "application/vnd.cncf.model.\(role(of: file)).v1.raw"
  }

  private func role(of file: OutgoingFile) -> String {
    if file.name.hasSuffix(".md") { return "doc" }
    if file.name == Manifest.fileName { return "weight.config" }
    if kind == .dataset { return "dataset" }
    return [".safetensors", ".gguf"].contains(where: file.name.hasSuffix) ? "weight" : "weight.config"
  }

  // MARK: - What is there

  /// Whether the tag holds just this manifest.
  private func holds(_ manifest: Blob) throws(Failure) -> Bool {
    let url = try registry.url("manifests/\(reference.tag)")
    let response = try registry.ask(HTTPRequest(url: url, headers: [("Accept", Self.anyType)]))
    if response.status == 404 { return false }
    guard response.isSuccess else { throw registry.refusal(response, of: url) }
    let found = Digest.sha256(response.body).registryName
    guard found == manifest.name || replacing else {
      throw Failure(
        .outputExists, "oci://\(reference) holds something else (\(found))",
        hint: "push under another tag, or let it give way with --replace")
    }
    return found == manifest.name
  }

  /// Those that the repository does not have, each once.
  private func missing(_ blobs: [Blob]) throws(Failure) -> [Blob] {
    var missing: [Blob] = []
    for blob in blobs where !missing.contains(where: { $0.name == blob.name }) {
      if try !has(blob) { missing.append(blob) }
    }
    return missing
  }

  private func has(_ blob: Blob) throws(Failure) -> Bool {
    let url = try registry.url("blobs/\(blob.name)")
    let response = try registry.ask(HTTPRequest(method: "HEAD", url: url))
    if response.status == 404 { return false }
    if response.isSuccess { return true }
    // It may lie in another place; that there is such a place says enough. One of the registry's own may ask for a login.
    guard response.isRedirect, let location = response.headers["location"],
      try !registry.owns(url.following(location))
    else {
      throw registry.refusal(response, of: url)
    }
    return true
  }

  // MARK: - What is sent

  /// Sends a blob in one piece. An upload that broke off may hold a part of it, so that another try begins another upload.
  private func send(_ blob: Blob, _ sent: @escaping (Int) -> Void) throws(Failure) {
    var pause = HTTPClient.firstPause
    for attempt in 1...HTTPClient.tries {
      let uploads = try registry.url("blobs/uploads/")
      let place = try begin(at: uploads).adding(query: "digest=\(blob.name)")
      let response = try registry.upload(
        HTTPRequest(
          method: "PUT", url: place, headers: [("Content-Type", "application/octet-stream")], body: blob.body,
          isAnsweredLate: true), sent: sent)
      if response.isSuccess { return }
      let isLost = response.status == 0
      guard isLost || response.isTemporary else { throw registry.refusal(response, of: uploads) }
      // All may have arrived but the answer.
      if try has(blob) { return sent(blob.bytes) }
      guard attempt < HTTPClient.tries else {
        throw isLost
          ? Failure(
            .io, "\(place.origin) breaks off when \(blob.bytes) bytes are sent",
            hint: "run the same command again later")
          : registry.refusal(response, of: uploads)
      }
      try registry.client.sleep(pause)
      pause *= 2
    }
  }

  /// Where a blob is to be sent.
  private func begin(at uploads: URLText) throws(Failure) -> URLText {
    let response = try registry.ask(HTTPRequest(method: "POST", url: uploads, body: .bytes([])))
    guard response.isSuccess else { throw registry.refusal(response, of: uploads) }
    guard let location = response.headers["location"] else {
      throw Failure(.badData, "\(uploads.text) does not say where to send what")
    }
    return try uploads.following(location)
  }
}

extension Digest {
  /// As registries write it.
  fileprivate var registryName: String { "sha256:" + hex }
}

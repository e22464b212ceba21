package import Artifacts
package import Failures

/// An artifact on its way to a destination, on this machine, the Hugging Face Hub, a container registry or an object store.
///
/// The same artifact arrives as the same bytes, whole or not at all. What arrives are the files of the manifest and
/// the manifest itself: never where a base's files lie, nor, in an archive, how the artifact came about.
package struct Publication: Sendable {
  private let artifact: Artifact

  package init(_ artifact: Artifact) { self.artifact = artifact }

  /// Copies the artifact to a directory, with a base's files in it.
  ///
  /// - Parameters:
  ///   - record: how the copy came about.
  ///   - replacing: whether a different artifact that is there gives way.
  /// - Returns: the files that lie there now, sorted by path.
  /// - Throws: `Failure.outputExists` when something different is there, or what was published was changed by somebody;
  ///   `Failure.badData` when a file of the artifact is damaged, `Failure.io`.
  package func copy(
    to directory: String, record: RunRecord, replacing: Bool
  ) throws(Failure) -> [ArtifactFile] {
    if let there = try artifact.existingCopy(at: directory) { return Self.published(there) }
    if !replacing, let there = try? Artifact.open(directory, verify: .sizes) {
      throw Failure(
        .outputExists, "\(directory) exists and holds another artifact: \(there.kind.words) with digest \(there.digest)",
        hint: "push to another directory, or let it give way with --replace")
    }
    let writer = try ArtifactWriter(output: directory, kind: artifact.kind)
    for file in artifact.files {
      let source = try artifact.path(of: file.path)
      let digest = try Files.copy(source, to: try writer.path(for: file.path))
      guard digest == file.sha256 else { throw Self.damaged(source) }
    }
    return Self.published(
      try writer.publish(section: artifact.manifest.section, run: record, replacing: replacing))
  }

  /// Packs the artifact into a reproducible archive.
  ///
  /// - Parameter replacing: whether a different file that is there gives way.
  /// - Returns: the archive.
  /// - Throws: as `copy` does.
  package func pack(to path: String, replacing: Bool) throws(Failure) -> [ArtifactFile] {
    // Not by memo: a bit that flipped on the disk must not go out under the old digest.
    try artifact.verify(.always)
    var files: [(name: String, path: String)] = [
      (Manifest.fileName, artifact.directory + "/" + Manifest.fileName)
    ]
    for file in artifact.files { files.append((file.path, try artifact.path(of: file.path))) }
    guard Files.exists(path), !replacing else {
      try Archive.write(files, to: path)
      return [try Self.describe(path)]
    }
    let scratch = try ScratchDirectory()
    let other = scratch.path + "/" + (path.split(separator: "/").last ?? "archive")
    try Archive.write(files, to: other)
    guard try Digest.sha256(ofFile: other) == Digest.sha256(ofFile: path) else {
      throw Failure(
        .outputExists, "\(path) exists and differs from what would be written",
        hint: "remove it, or give another --to")
    }
    return [try Self.describe(path)]
  }

  /// Pushes the artifact into a repository of the Hugging Face Hub.
  ///
  /// - Parameter progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Returns: the files that lie there now, sorted by path, and what was done.
  /// - Throws: `Failure.badData` when a file of the artifact is damaged, and as `HubPush` does.
  package func push(
    to repository: HuggingFaceRepository, of hub: HuggingFaceHub, _ options: HubPush.Options,
    progress: (_ total: Int) -> (Int) -> Void
  ) throws(Failure) -> (files: [ArtifactFile], outcome: HubPush.Outcome) {
    let files = try outgoing()
    return (
      Self.published(artifact),
      try HubPush(files, of: artifact.kind, to: repository, hub, options)(progress: progress)
    )
  }

  /// Pushes the artifact into a container registry.
  ///
  /// - Parameters:
  ///   - replacing: whether what the tag holds gives way.
  ///   - progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Returns: the files that lie there now, sorted by path, and what was done.
  /// - Throws: `Failure.badData` when a file of the artifact is damaged, and as `RegistryPush` does.
  package func push(
    to registry: ContainerRegistry, replacing: Bool, progress: (_ total: Int) -> (Int) -> Void
  ) throws(Failure) -> (files: [ArtifactFile], outcome: RegistryPush.Outcome) {
    let push = RegistryPush(try outgoing(), of: artifact.kind, to: registry, replacing: replacing)
    return (Self.published(artifact), try push(progress: progress))
  }

  /// Pushes the artifact into an object store.
  ///
  /// - Parameters:
  ///   - replacing: whether what is there gives way.
  ///   - progress: told what is to be sent in bytes, and then how many bytes went out.
  /// - Returns: the files that lie there now, sorted by path, and what was done.
  /// - Throws: `Failure.badData` when a file of the artifact is damaged, and as `ObjectStorePush` does.
  package func push(
    to store: ObjectStore, replacing: Bool, progress: (_ total: Int) -> (Int) -> Void
  ) throws(Failure) -> (files: [ArtifactFile], outcome: ObjectStorePush.Outcome) {
    var files = try outgoing()
    guard let last = files.firstIndex(where: { $0.name == Manifest.fileName }) else {
      throw Failure(.internal, "an artifact without a manifest")
    }
    let manifest = files.remove(at: last)
    let push = ObjectStorePush(files, listedIn: manifest, to: store, replacing: replacing)
    return (Self.published(artifact), try push(progress: progress))
  }

  /// What is sent, once it has been found to be whole.
  private func outgoing() throws(Failure) -> [OutgoingFile] {
    try artifact.verify(.always)
    return try Self.published(artifact).map { file throws(Failure) in
      let path =
        file.path == Manifest.fileName
        ? "\(artifact.directory)/\(file.path)" : try artifact.path(of: file.path)
      return OutgoingFile(name: file.path, path: path, bytes: file.bytes, sha256: file.sha256)
    }
  }

  private static func published(_ artifact: Artifact) -> [ArtifactFile] {
    let text = Array(artifact.manifest.text.utf8)
    let manifest = ArtifactFile(path: Manifest.fileName, bytes: text.count, sha256: Digest.sha256(text))
    return (artifact.files + [manifest]).sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  private static func describe(_ path: String) throws(Failure) -> ArtifactFile {
    let bytes = try Files.size(of: path)
    let name = String(path.split(separator: "/").last ?? "")
    return ArtifactFile(path: name, bytes: bytes, sha256: try Digest.sha256(ofFile: path))
  }

  private static func damaged(_ path: String) -> Failure {
    Failure(
      .badData, "\(path) is not what the artifact's manifest says any more",
      hint: "the artifact was changed after it was made: make it again")
  }
}

package import Failures
package import JSON

/// Makes an artifact: in a private directory beside the output, which one rename turns into the output.
///
/// A reader sees the whole artifact or nothing. A writer that is discarded, fails or is killed leaves nothing
/// that opens as an artifact; the next writer of the same output sweeps what a killed one left.
package final class ArtifactWriter {
  /// The directory that the artifact becomes.
  package let output: String
  package let kind: ArtifactKind
  private let memo: DigestMemo
  private var sibling: PrivateSibling?
  private var references: [(file: ArtifactFile, identity: FileIdentity)] = []
  private var locations = FileLocations()

  /// - Throws: `Failure.outputExists` when something else than an artifact lies at `output`, `Failure.io` when
  ///   nothing can be written beside it.
  package init(output: String, kind: ArtifactKind, memo: DigestMemo = .standard) throws(Failure) {
    self.output = try Self.place(output)
    self.kind = kind
    self.memo = memo
    PrivateSibling.sweep(beside: self.output)
    sibling = try PrivateSibling.directory(beside: self.output)
  }

  /// Sees, and changes nothing, whether an artifact can be published at `output`.
  ///
  /// - Throws: what `init` throws.
  package static func check(output: String) throws(Failure) {
    try Files.checkWritable(Files.parent(of: try place(output)))
  }

  /// The output's path without slashes at its end; of a link, where it leads to, so that the link stays.
  private static func place(_ output: String) throws(Failure) -> String {
    let output = Files.withoutSlashes(output)
    guard !["", "/", ".", ".."].contains(Files.name(of: output)), output != "/" else {
      throw Failure(.usage, "'\(output)' cannot be an output directory", hint: "give it a name: --output DIR")
    }
    try refuseInsideArtifact(output)
    try Publication.refuseForeign(output)
    return try Files.followingLink(output)
  }

  /// An artifact holds what its manifest lists, and no other artifact.
  private static func refuseInsideArtifact(_ output: String) throws(Failure) {
    var directory = Files.parent(of: try Files.absolute(output))
    while directory != "/", Files.name(of: directory) != ".." {  // what lies before it is not around it
      if let outer = try? Artifact(directory) {
        throw Failure(
          .usage, "'\(output)' would lie inside of \(outer.kind.words), '\(directory)'",
          hint: "artifacts stay as they are; choose an --output beside it")
      }
      directory = Files.parent(of: directory)
    }
  }

  /// The private directory.
  private func directory() throws(Failure) -> String {
    guard let sibling else {
      throw Failure(.internal, "the artifact \(output) is already published or discarded")
    }
    return sibling.path
  }

  /// Where to write a file of the artifact; the directories on the way exist.
  package func path(for file: String) throws(Failure) -> String {
    if let objection = ArtifactFile.objection(to: file) {
      throw Failure(.internal, "\(output): \(objection)")
    }
    let path = try directory() + "/" + file
    try Files.makeDirectories(Files.parent(of: path))
    return path
  }

  /// Makes a file that stays where it is part of a base: listed by its digest, found through `location.json`.
  ///
  /// - Throws: `Failure.missingInput` when it cannot be read; `Failure.badData` for a name that cannot be one.
  package func reference(file: String, at path: String) throws(Failure) {
    precondition(kind == .base, "only a base refers to files")
    if let objection = ArtifactFile.objection(to: file) { throw Failure(.badData, "\(path): \(objection)") }
    let path = try Files.absolute(path)
    let (digest, identity) = try memo.entry(ofFile: path)
    references.append((ArtifactFile(path: file, bytes: identity.size, sha256: digest), identity))
    locations[file] = path
  }

  /// Hashes and validates everything and turns it into the output. An equal artifact that is already there is
  /// success; a partial one of an earlier call is removed.
  ///
  /// - Parameters:
  ///   - replacing: whether a different artifact that is there gives way, in one step.
  ///   - checkBeforePublishing: gets the private directory, to see that its files load again.
  /// - Throws: `Failure.outputExists` when a different artifact is there that is to stay, `Failure.badData` when the manifest
  ///   does not fit its schema or a referenced file changed meanwhile, `Failure.io`.
  package func publish(
    section: JSONObject, run: RunRecord, replacing: Bool = false,
    checkBeforePublishing: (String) throws(Failure) -> Void = { _ in }
  ) throws(Failure) -> Artifact {
    let manifest = try seal(section, run, check: checkBeforePublishing)
    let artifact = try Publication(directory: try directory(), manifest: manifest, memo: memo).place(
      at: output, replacing: replacing)
    let partial = Self.partial(of: output)
    if (try? Artifact(partial))?.kind == kind { Files.remove(partial) }
    discard()
    return artifact
  }

  /// Publishes what an interrupted stage has so far as `OUTPUT.partial`, replacing an older one in one step.
  package func publishPartial(
    section: JSONObject, run: RunRecord,
    checkBeforePublishing: (String) throws(Failure) -> Void = { _ in }
  ) throws(Failure) -> Artifact {
    let manifest = try seal(section, run, check: checkBeforePublishing)
    let partial = Self.partial(of: output)
    try Publication(directory: try directory(), manifest: manifest, memo: memo).replace(partial)
    discard()
    return try Artifact.open(partial, as: kind, verify: .sizes, memo: memo)
  }

  /// Where an interrupted stage leaves what it has.
  package static func partial(of output: String) -> String { output + ".partial" }

  /// Removes the private directory. Does nothing after publication.
  package func discard() { sibling = nil }
}

// MARK: - Sealing

extension ArtifactWriter {
  /// Completes the private directory: hashed, validated, on the disk, read-only.
  private func seal(
    _ section: JSONObject, _ run: RunRecord, check: (String) throws(Failure) -> Void
  ) throws(Failure) -> Manifest {
    let directory = try directory()
    var files = references.map(\.file)
    for path in try Files.tree(directory) {
      if let objection = ArtifactFile.objection(to: path) {
        throw Failure(.internal, "\(output): \(objection)")
      }
      let (digest, identity) = try DigestMemo.hash(directory + "/" + path)
      files.append(ArtifactFile(path: path, bytes: identity.size, sha256: digest))
    }
    let manifest = try Manifest(kind: kind, files: files, section: section)
    try check(directory)
    try checkReferences()
    try write(run.text(), to: RunRecord.fileName)
    if kind == .base { try write(locations.text, to: FileLocations.fileName) }
    try write(manifest.text, to: Manifest.fileName)
    try Files.settle(directory)
    return manifest
  }

  private func write(_ text: String, to name: String) throws(Failure) {
    try OpenFile(creating: try directory() + "/" + name).write(Array(text.utf8))
  }

  /// A file that was edited while the stage ran is not what was hashed.
  private func checkReferences() throws(Failure) {
    for (file, identity) in references {
      let path = locations[file.path] ?? ""
      guard case .file(let now) = try FileStatus(path, followingLinks: true), now == identity else {
        throw Failure(
          .badData, "\(path) changed while it was imported", hint: "run again when nothing writes to it")
      }
    }
  }
}

package import Failures
import Glibc

/// Copies of artifacts. None is ever a link to the original, so that writing to the one cannot change the other.
extension Artifact {
  package enum CopyForm: Sendable {
    /// Checked, on the disk and read-only, as a stage leaves it.
    case sealed
    /// For people, who may change it.
    case writable
  }

  /// Copies the artifact to a place where there is none yet, or an older one of its kind; or, sealed, the same one
  /// damaged.
  ///
  /// Where the file system can, the copy shares its blocks with the original until one of them is written to.
  ///
  /// - Returns: false when the same artifact is there already.
  /// - Throws: `Failure.outputExists` when something else lies there, or somebody's own files with it;
  ///   `Failure.badData` when what was copied is damaged.
  package func copy(
    to destination: String, as form: CopyForm, memo: DigestMemo = .standard
  ) throws(Failure) -> Bool {
    try Publication.refuseForeign(destination)
    let destination = try Files.followingLink(destination)
    PrivateSibling.sweep(beside: destination)
    if equal(at: destination, memo) != nil { return false }
    if form == .writable { try Self.requireUntouched(at: destination, by: kind, memo: memo) }
    let sibling = try PrivateSibling.directory(beside: destination)
    defer { withExtendedLifetime(sibling) {} }
    try copyFiles(to: sibling.path)
    if form == .sealed {
      // Read again, and not the original: what counts is what arrived.
      guard let copy = try? Artifact.open(sibling.path, verify: .always, memo: memo), copy.digest == digest
      else { throw damaged(directory, "is damaged, or changed while it was copied") }
      try Files.settle(sibling.path)
    }
    _ = try Publication(directory: sibling.path, manifest: manifest, memo: memo)
      .place(at: destination, replacing: true)
    return true
  }

  /// The copy that lies, whole, at a place where people have their hands; nil when it is still to be put there.
  ///
  /// - Throws: what `requireUntouched` throws, when something else lies there.
  package func existingCopy(at directory: String, memo: DigestMemo = .standard) throws(Failure) -> Artifact? {
    if let there = equal(at: directory, memo) { return there }
    try Self.requireUntouched(at: directory, by: kind, memo: memo)
    return nil
  }

  private func equal(at directory: String, _ memo: DigestMemo) -> Artifact? {
    guard let there = try? Artifact.open(directory, memo: memo), there.digest == digest else { return nil }
    return there
  }

  /// Makes sure that what lies at a place where people have their hands may give way: nothing, or an artifact of the
  /// same kind as it was published, whole or not.
  ///
  /// - Throws: `Failure.outputExists` naming what is somebody's own: a file that was changed or added, or a directory
  ///   that is no artifact.
  package static func requireUntouched(
    at directory: String, by kind: ArtifactKind, memo: DigestMemo = .standard
  ) throws(Failure) {
    try Publication.refuseForeign(directory)
    guard case .file = try FileStatus(directory + "/" + Manifest.fileName) else { return }
    let there: Artifact
    do {
      there = try Artifact(directory)
    } catch {
      throw Publication.outputExists(directory, "exists and is not a valid artifact: \(error.message)")
    }
    try Publication.refuseOtherKind(there, for: kind, directory)
    try Publication.refuseAdded(directory, besides: there.files)
    for file in there.files {
      let path = directory + "/" + file.path
      guard case .file = try FileStatus(path), try memo.digest(ofFile: path) != file.sha256 else { continue }
      throw Failure(
        .outputExists, "\(path) was changed or damaged since it was published, and would be replaced",
        hint: "keep a copy if you need it, and remove \(directory)")
    }
  }

  private func copyFiles(to copy: String) throws(Failure) {
    for file in try Files.tree(directory) {
      try Files.makeDirectories(Files.parent(of: copy + "/" + file))
      try Files.clone(directory + "/" + file, to: copy + "/" + file)
    }
  }
}

extension Files {
  /// The kernel's FICLONE.
  private static let cloneRequest: UInt = 0x4004_9409

  /// Copies a file to a new one, which may be executed if it could be; the two share their blocks where the file system can
  /// do that.
  package static func clone(_ source: String, to path: String) throws(Failure) {
    let input = try OpenFile(reading: source)
    let output = try OpenFile(creating: path)
    if case .file(let identity) = try FileStatus(descriptor: input.descriptor, path: source), identity.isExecutable {
      guard fchmod(output.descriptor, 0o755) == 0 else { throw Failure(.io, "cannot make \(path) executable: \(errorText())") }
    }
    if ioctl(output.descriptor, cloneRequest, input.descriptor) == 0 { return }
    try input.readAll { bytes throws(Failure) in try output.write(Array(bytes)) }
  }

  /// Takes away the permission to write from all files of a directory (directories keep it, so that `rm -r` works)
  /// and waits until everything is on the disk.
  static func settle(_ directory: String) throws(Failure) {
    var directories: Set<String> = [directory]
    for file in try tree(directory) {
      let path = directory + "/" + file
      guard case .file(let identity) = try FileStatus(path), unsafe chmod(path, identity.isExecutable ? 0o555 : 0o444) == 0 else {
        throw Failure(.io, "cannot make \(path) read-only: \(errorText())")
      }
      try sync(path)
      var parent = parent(of: path)
      while directories.insert(parent).inserted { parent = Files.parent(of: parent) }
    }
    for directory in directories { try sync(directory) }
  }
}

package import Failures
package import JSON

/// A published artifact: a directory with `artifact.json` and the files it lists.
package struct Artifact: Sendable {
  /// How far an artifact's files are checked before they are used. Sizes are checked always.
  package enum Verification: Sendable {
    case sizes
    /// Hash the files, save those whose identity the memo knows.
    case memoised
    /// Hash every file.
    case always
  }

  package let directory: String
  package let manifest: Manifest
  private let locations: FileLocations
  /// The files as they were when they were checked.
  package private(set) var frozenFiles: [FrozenFile] = []

  package var kind: ArtifactKind { manifest.kind }
  package var digest: Digest { manifest.digest }
  package var files: [ArtifactFile] { manifest.files }

  /// The kind's own section; errors name `artifact.json` and the field.
  package var section: JSONCursor {
    let root = manifest.document.cursor
    return (try? root.field(kind.rawValue)) ?? root  // the schema has seen to it that it is there
  }

  /// Opens and checks an artifact.
  ///
  /// - Parameter kinds: the kinds that will do; none for any.
  /// - Throws: `Failure.missingInput` when there is none, `Failure.badData` naming file and field when it is of
  ///   another kind or damaged.
  package static func open(
    _ directory: String, as kinds: ArtifactKind..., verify verification: Verification = .memoised,
    memo: DigestMemo = .standard
  ) throws(Failure) -> Artifact {
    try open(directory, as: kinds, verify: verification, memo: memo)
  }

  package static func open(
    _ directory: String, as kinds: [ArtifactKind], verify verification: Verification = .memoised,
    memo: DigestMemo = .standard
  ) throws(Failure) -> Artifact {
    var artifact = try Artifact(directory)
    guard kinds.isEmpty || kinds.contains(artifact.kind) else {
      let wanted = kinds.dropLast().map(\.words).joined(separator: ", ")
        + (kinds.count > 1 ? " or " : "") + (kinds.last?.words ?? "")
      let isExport = artifact.kind == .adapter && kinds.contains(.checkpoint)
      throw Failure(
        .badData, "\(directory) is \(artifact.kind.words), not \(wanted)",
        hint: isExport ? "make a checkpoint of it with init-adapter --from-adapter" : nil)
    }
    artifact.frozenFiles = try artifact.verify(verification, memo: memo)
    return artifact
  }

  /// Checks the artifact that a directory of plain files may be, before they are used as such. A manifest that is a symbolic link
  /// is the Hub's cache's, where files are named by their digests.
  ///
  /// - Throws: `Failure.badData` and `Failure.missingInput` as `open` does.
  package static func checkFiles(in directory: String, memo: DigestMemo = .standard) throws(Failure) {
    guard case .file = try FileStatus(Files.withoutSlashes(directory) + "/" + Manifest.fileName) else { return }
    do throws(Failure) {
      _ = try open(directory, memo: memo)
    } catch {
      throw Failure(
        error.kind, error.message,
        hint: "make the artifact again, or remove its \(Manifest.fileName) if you changed the files yourself")
    }
  }

  /// Reads the manifest and nothing else.
  init(_ directory: String) throws(Failure) {
    let directory = Files.withoutSlashes(directory)
    self.directory = directory
    manifest = try Manifest(try Self.read(Manifest.fileName, in: directory))
    if manifest.kind == .base, case .file = try FileStatus(directory + "/" + FileLocations.fileName) {
      locations = try FileLocations(try Self.read(FileLocations.fileName, in: directory), for: manifest)
    } else {
      locations = FileLocations()
    }
  }

  private static func read(_ name: String, in directory: String) throws(Failure) -> JSONDocument {
    let path = directory + "/" + name
    switch try FileStatus(path) {
    case .file: return try JSONDocument(try Files.contents(of: path, limit: 64 << 20), source: path)
    case .missing:
      if case .directory = try FileStatus(directory, followingLinks: true) {
        throw Failure(
          .missingInput, "\(directory) is not an artifact: it has no \(name)",
          hint: "give a directory that a stage wrote with --output")
      }
      throw Failure(
        .missingInput, "there is no artifact at \(directory)",
        hint: "give a directory that a stage wrote with --output")
    case .directory, .symbolicLink, .special: throw Failure(.badData, "\(path) is not a plain file")
    }
  }

  /// Where a file of the artifact lies: inside the directory, or for a base where it was imported from.
  ///
  /// - Throws: `Failure.badData` when the artifact has no such file.
  package func path(of file: String) throws(Failure) -> String {
    guard manifest.file(file) != nil else {
      throw Failure(.badData, "\(directory)/\(Manifest.fileName): the artifact has no file '\(file)'")
    }
    return locations[file] ?? directory + "/" + file
  }

  /// How the artifact came about, or nil when that is not (or not readably) recorded.
  package var runRecord: JSON? {
    try? Self.read(RunRecord.fileName, in: directory).root
  }
}

// MARK: - Verification

extension Artifact {
  /// Checks that every file is still what the manifest says.
  ///
  /// - Returns: the files as they were when they were checked.
  /// - Throws: `Failure.badData` naming the file; `Failure.missingInput` when a base's file has moved away.
  @discardableResult
  package func verify(
    _ verification: Verification, memo: DigestMemo = .standard
  ) throws(Failure) -> [FrozenFile] {
    var frozen: [FrozenFile] = []
    for file in files {
      let path = try path(of: file.path)
      let identity = try identity(of: file.path, at: path)
      guard identity.size == file.bytes else {
        throw damaged(path, "has \(identity.size) bytes, but \(Manifest.fileName) says \(file.bytes)")
      }
      let checked: (digest: Digest, identity: FileIdentity)
      switch verification {
      case .sizes: checked = (file.sha256, identity)
      case .memoised: checked = try memo.entry(ofFile: path)
      case .always: checked = try DigestMemo.hash(path)
      }
      guard checked.digest == file.sha256 else {
        throw damaged(
          path, "has the SHA-256 \(checked.digest), but \(Manifest.fileName) says \(file.sha256)")
      }
      frozen.append(FrozenFile(path: path, identity: checked.identity))
    }
    if verification != .sizes { try requireNothingAdded() }
    return frozen
  }

  /// Makes sure that a command's output holds no more than it was published with: whoever reads it may take all that is there.
  ///
  /// - Throws: `Failure.badData` naming a file that is not in the manifest.
  package func requireNothingAdded() throws(Failure) {
    guard kind == .directory, let added = try Files.tree(directory, besides: ArtifactFile.ownPaths(of: files)).first else {
      return
    }
    throw damaged(directory + "/" + added, "is not among the files of \(Manifest.fileName)")
  }

  private func identity(of file: String, at path: String) throws(Failure) -> FileIdentity {
    if locations[file] != nil {
      guard case .file(let identity) = try FileStatus(path, followingLinks: true) else {
        throw Failure(
          .missingInput,
          "\(path) is missing, where \(directory)/\(FileLocations.fileName) says that '\(file)' lies",
          hint: "run import-base again from where the files are now")
      }
      return identity
    }
    // No part of the way may be a symbolic link: it could lead anywhere.
    var place = directory
    for part in file.split(separator: "/").dropLast() {
      place += "/" + part
      guard case .directory = try FileStatus(place) else { throw damaged(place, "is not a directory") }
    }
    switch try FileStatus(path) {
    case .file(let identity): return identity
    case .missing: throw damaged(path, "is missing")
    case .directory, .symbolicLink, .special: throw damaged(path, "is not a plain file")
    }
  }

  func damaged(_ path: String, _ what: String) -> Failure {
    Failure(.badData, "\(path) \(what)", hint: "the artifact was changed after it was made: make it again")
  }
}

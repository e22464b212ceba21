import CLinux
import Failures
import Glibc
import JSON

/// A sealed private directory on its way to the place where readers look.
struct Publication {
  let directory: String
  let manifest: Manifest
  let memo: DigestMemo

  /// Moves the artifact to `output`, unless an equal one is there already.
  ///
  /// - Parameter replacing: whether a different artifact of the same kind gives way.
  /// - Throws: `Failure.outputExists` when anything else is there, or somebody's files beside the artifact.
  func place(at output: String, replacing: Bool) throws(Failure) -> Artifact {
    // Onto an empty directory a rename succeeds; onto any other it fails, and then somebody was faster.
    while unsafe rename(directory, output) != 0 {
      guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else {
        throw Failure(.io, "cannot rename \(directory) to \(output): \(errorText())")
      }
      if let equal = try existing(at: output, replacing: replacing) { return equal }
    }
    try Files.sync(Files.parent(of: output))
    return try Artifact.open(output, as: [manifest.kind], verify: .sizes, memo: memo)
  }

  /// The artifact at `output` if it equals this one or was made to; nil when nothing is there (any more).
  private func existing(at output: String, replacing: Bool) throws(Failure) -> Artifact? {
    if case .missing = try FileStatus(output) { return nil }
    try Self.refuseForeign(output)
    var there: Artifact?
    do {
      there = try Artifact(output)
    } catch {
      if case .missing = try FileStatus(output) { return nil }
      if !replacing { throw Self.outputExists(output, "exists and is not a valid artifact: \(error.message)") }
    }
    if let there, there.digest == manifest.digest {
      if (try? there.verify(.memoised, memo: memo)) != nil { return there }
    } else if let there {
      guard replacing else {
        throw Self.outputExists(
          output,
          "exists and holds another artifact: \(there.kind.words) with digest \(there.digest), "
            + "this run made \(manifest.kind.words) with digest \(manifest.digest)")
      }
      try Self.refuseOtherKind(there, for: manifest.kind, output)
    }
    // The same manifest over damaged or lost files, or an older artifact.
    try Self.refuseAdded(output, besides: (there?.files ?? []) + manifest.files)
    try replace(output)
    return try Artifact.open(output, as: [manifest.kind], verify: .sizes, memo: memo)
  }

  /// Puts the artifact in the place of whatever artifact is at `output`, in one step where the file system can.
  func replace(_ output: String) throws(Failure) {
    try Self.refuseForeign(output)
    if unsafe renameat2(AT_FDCWD, directory, AT_FDCWD, output, rl_rename_exchange) != 0 {
      if [EINVAL, ENOSYS].contains(errno), case .directory = try FileStatus(output) {
        // No exchange on this file system; the old one is removed with the name of a leftover.
        try Files.rename(output, to: directory + "-old")
        try Files.rename(directory, to: output)
        Files.remove(directory + "-old")
      } else {
        try Files.rename(directory, to: output)
      }
    }
    try Files.sync(Files.parent(of: output))
  }

  /// - Throws: `Failure.outputExists` when something lies at `output` that is neither an artifact nor an empty
  ///   directory: it may be anything of the user's.
  static func refuseForeign(_ output: String) throws(Failure) {
    switch try FileStatus(output, followingLinks: true) {
    case .missing:
      if case .symbolicLink = try FileStatus(output) {
        throw outputExists(output, "is a symbolic link that leads nowhere")
      }
    case .directory:
      let names = try Files.names(in: output)
      guard names.isEmpty || names.contains(Manifest.fileName) else {
        throw outputExists(output, "exists and is not an artifact")
      }
    case .file, .symbolicLink, .special: throw outputExists(output, "exists and is not a directory")
    }
  }

  /// - Throws: `Failure.outputExists` when an artifact of one kind would take the place of one of another.
  static func refuseOtherKind(_ there: Artifact, for kind: ArtifactKind, _ output: String) throws(Failure) {
    guard there.kind != kind else { return }
    throw outputExists(output, "exists and is \(there.kind.words), which \(kind.words) does not replace")
  }

  /// - Throws: `Failure.outputExists` naming a file in the directory of an artifact that is none of its own: it is
  ///   somebody's, and must not go with the artifact.
  static func refuseAdded(_ output: String, besides files: [ArtifactFile]) throws(Failure) {
    let own = ArtifactFile.ownPaths(of: files)
    let hint = "move it away, then run again"
    let there: [String]
    do {
      there = try Files.tree(output)
    } catch {
      throw Failure(.outputExists, error.message, hint: hint)
    }
    for path in there where !own.contains(ByteString(path)) {
      throw Failure(
        .outputExists, "\(output)/\(path) is no file of the artifact there, and would be lost with it", hint: hint)
    }
  }

  static func outputExists(_ output: String, _ what: String) -> Failure {
    Failure(.outputExists, "\(output) \(what)", hint: "remove it, or choose another place")
  }
}

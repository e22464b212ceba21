import Artifacts
import Failures

/// A copy of an artifact outside the store, for people: writable, and never a link into the store.
struct Export {
  private let artifact: Artifact
  private let destination: String
  private let memo: DigestMemo

  init(_ artifact: Artifact, to destination: String, memo: DigestMemo) {
    self.artifact = artifact
    self.destination = destination
    self.memo = memo
  }

  /// Whether the copy is still to be made, and can be.
  ///
  /// - Throws: what `write` throws.
  func isPending() throws(Failure) -> Bool {
    try requireFree()
    return try artifact.existingCopy(at: destination, memo: memo) == nil
  }

  /// Makes the copy, in place of an older artifact there. False when it is there already.
  ///
  /// - Throws: `Failure.outputExists` when something else than an older artifact of its kind lies there, or somebody's
  ///   own files with it.
  func write() throws(Failure) -> Bool {
    try requireFree()
    return try artifact.copy(to: destination, as: .writable, memo: memo)
  }

  private func requireFree() throws(Failure) {
    switch try FileStatus(destination, followingLinks: true) {
    case .missing: break
    case .directory:
      guard case .file = try FileStatus(destination + "/" + Manifest.fileName) else { throw occupied }
    case .file, .symbolicLink, .special: throw occupied
    }
  }

  private var occupied: Failure {
    Failure(
      .outputExists, "\(destination) exists and is no artifact, so nothing is exported over it",
      hint: "move it away or export to another place")
  }
}

import Artifacts
import Failures
import FoundationEssentials
import Glibc

/// A copy of an artifact outside the store, for people: writable, and never a link into the store.
struct Export {
  private let artifact: Artifact
  private let destination: String
  private let memo: DigestMemo

  init(_ artifact: Artifact, to destination: String, memo: DigestMemo) {
    (self.artifact, self.destination, self.memo) = (artifact, destination, memo)
  }

  /// Makes the copy, in place of an older artifact there. False when it is there already.
  ///
  /// - Throws: `Failure.outputExists` when something else than an artifact lies there.
  func write() throws(Failure) -> Bool {
    switch try FileStatus(destination, followingLinks: true) {
    case .missing: break
    case .directory:
      if let there = try? Artifact.open(destination, memo: memo), there.digest == artifact.digest {
        return false
      }
      guard case .file = try FileStatus(destination + "/" + Manifest.fileName) else { throw occupied }
    case .file, .symbolicLink, .special: throw occupied
    }
    try Files.makeDirectories(Files.parent(of: destination))
    let fresh = sibling("new")
    let old = sibling("old")
    Files.remove(fresh)
    Files.remove(old)
    for file in try Files.tree(artifact.directory) {
      try Files.makeDirectories(Files.parent(of: fresh + "/" + file))
      try Self.copy(artifact.directory + "/" + file, to: fresh + "/" + file)
    }
    if case .directory = try FileStatus(destination) { try Files.rename(destination, to: old) }
    try Files.rename(fresh, to: destination)
    Files.remove(old)
    return true
  }

  private var occupied: Failure {
    Failure(
      .outputExists, "\(destination) exists and is no artifact, so nothing is exported over it",
      hint: "move it away or export to another place")
  }

  private func sibling(_ role: String) -> String {
    let parent = Files.parent(of: destination)
    return (parent == "/" ? "" : parent) + "/." + Files.name(of: destination) + ".export-\(role)"
  }

  /// The kernel's FICLONE: the copy shares its blocks with the original until one of them is written to.
  private static let clone: UInt = 0x4004_9409

  private static func copy(_ source: String, to destination: String) throws(Failure) {
    let from = try OpenFile(reading: source)
    let to = try OpenFile(creating: destination)
    if ioctl(to.descriptor, clone, from.descriptor) == 0 { return }
    try from.readAll { bytes throws(Failure) in try to.write(Array(bytes)) }
  }
}

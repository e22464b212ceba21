import JSON

/// A file of an artifact, as its manifest lists it.
package struct ArtifactFile: Sendable, Equatable {
  /// Relative to the artifact's directory, with `/` between its parts.
  package let path: String
  package let bytes: Int
  package let sha256: Digest

  package init(path: String, bytes: Int, sha256: Digest) {
    (self.path, self.bytes, self.sha256) = (path, bytes, sha256)
  }

  /// The names that an artifact uses itself.
  static let reservedPaths = [Manifest.fileName, RunRecord.fileName, FileLocations.fileName]

  /// All paths in the directory of an artifact with these files.
  static func ownPaths(of files: [ArtifactFile]) -> Set<ByteString> {
    Set((files.map(\.path) + reservedPaths).map { ByteString($0) })
  }

  /// Why `path` may not be the path of an artifact's file, or nil when it may: manifests come from anywhere,
  /// and a path in one must never lead out of its directory.
  package static func objection(to path: String) -> String? {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    if path.isEmpty { return "a path must not be empty" }
    if path.utf8.first == UInt8(ascii: "/") { return "'\(path)' is not relative" }
    if path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      return "a path must not have control characters"
    }
    if path.utf8.count > 1024 { return "a path must not be longer than 1024 bytes" }
    for part in parts {
      if part.isEmpty || part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8) {
        return "'\(path)' has an empty, '.' or '..' part"
      }
      if part.count > 255 { return "a part of a path must not be longer than 255 bytes" }
    }
    if reservedPaths.contains(where: { $0.utf8.elementsEqual(path.utf8) }) {
      return "'\(path)' is the name of the artifact's own record"
    }
    return nil
  }
}

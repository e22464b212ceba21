import Artifacts

/// A file on its way to a server, and what it is called there.
struct OutgoingFile: Sendable {
  let name: String
  let path: String
  let bytes: Int
  let sha256: Digest
}

extension [OutgoingFile] {
  /// Paths of an older artifact's files that none of these has.
  func superseded(of old: Manifest) -> [String] {
    old.files.map(\.path).filter { path in !contains { $0.name.utf8.elementsEqual(path.utf8) } }
  }
}

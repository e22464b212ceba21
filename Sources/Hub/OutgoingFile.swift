import Artifacts

/// A file on its way to a server, and what it is called there.
struct OutgoingFile: Sendable {
  let name: String
  let path: String
  let bytes: Int
  let sha256: Digest
}

import Artifacts
import Failures

/// What the Hub calls a file's content: its SHA-256 where LFS keeps it, else git's name for it. It is the ETag of a download
/// and the name of the file in the cache.
struct BlobName: Sendable, Equatable {
  let hex: String

  /// Nil unless it is 64 or 40 hexadecimal digits in lower case: it becomes the name of a file.
  init?(_ text: String) {
    let isHex = text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    guard isHex, [40, 64].contains(text.utf8.count) else { return nil }
    hex = text
  }

  /// Git's name for a content, or its SHA-256.
  init(of bytes: [UInt8], asGitBlob: Bool) {
    var hash = Self.hash(asGitBlob: asGitBlob, size: bytes.count)
    hash.update(bytes)
    hex = hash.finish()
  }

  private var isGitBlob: Bool { hex.utf8.count == 40 }

  /// Whether this is what a file is called.
  /// - Parameter sha256: of the file, asked for only where it counts.
  func names(_ path: String, sha256: () throws(Failure) -> Digest) throws(Failure) -> Bool {
    isGitBlob ? try BlobName(of: Files.contents(of: path), asGitBlob: true) == self : try sha256().hex == hex
  }

  /// A hash that comes to this name when it is fed the right content.
  /// - Parameter size: of the content.
  func hash(size: Int) -> RunningHash { Self.hash(asGitBlob: isGitBlob, size: size) }

  /// Git hashes a header before the content (gitformat-loose).
  private static func hash(asGitBlob: Bool, size: Int) -> RunningHash {
    guard asGitBlob else { return RunningHash() }
    var hash = RunningHash(.sha1)
    hash.update(Array("blob \(size)\0".utf8))
    return hash
  }
}

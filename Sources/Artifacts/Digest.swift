package import Failures
import Glibc
import JSON

/// A SHA-256, written as 64 lower-case hexadecimal characters wherever it appears.
package struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let hex: String

  /// Nil unless `hex` is exactly 64 lower-case hexadecimal characters.
  package init?(hex: String) {
    let digits = hex.utf8
    guard digits.count == 64, digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    self.hex = hex
  }

  /// What a SHA-256 comes to.
  init(_ hash: consuming RunningHash) {
    hex = hash.finish()
    precondition(hex.utf8.count == 64)
  }

  package static func sha256(_ bytes: some Collection<UInt8>) -> Digest {
    var hash = RunningHash()
    hash.update(Array(bytes))
    return Digest(hash)
  }

  /// - Throws: `Failure.missingInput` when the file cannot be opened, `Failure.io` when it cannot be read or
  ///   changes while it is read.
  package static func sha256(ofFile path: String) throws(Failure) -> Digest {
    try DigestMemo.hash(path).digest
  }

  package var description: String { hex }

  package static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }
}

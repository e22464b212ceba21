package import Failures
import FoundationEssentials

/// A private directory for files that nobody else is to see, removed with the value.
package final class ScratchDirectory {
  package let path: String

  /// - Throws: `Failure.io` when the system's directory for temporary files cannot be written.
  package init() throws(Failure) {
    let parent = Files.withoutSlashes(FileManager.default.temporaryDirectory.path)
    path = parent + "/randlora-" + String(UInt64.random(in: 0 ... .max), radix: 16)
    try Files.makeDirectories(path)
  }

  deinit { Files.remove(path) }
}

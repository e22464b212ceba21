package import Failures

/// Files that appear whole or not at all.
package enum AtomicFile {
  /// Writes a file beside `path`, waits until it is on the disk, and renames it to `path`, replacing what was there.
  ///
  /// - Throws: `Failure.io`; the old file, if there was one, is then untouched.
  package static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
    try write(to: path) { file throws(Failure) in try file.write(bytes) }
  }

  package static func write(_ text: String, to path: String) throws(Failure) {
    try write(Array(text.utf8), to: path)
  }

  /// Removes from a directory what killed writers of its files left behind. Writing does not do so by itself:
  /// in a directory of thousands of records it would cost more than the write.
  package static func sweep(_ directory: String) { PrivateSibling.sweep(in: directory) }

  /// Removes what killed writers of one file left behind.
  package static func sweep(beside path: String) { PrivateSibling.sweep(beside: path) }

  /// - Parameter body: writes the content to a file that nobody else sees yet.
  package static func write(
    to path: String, _ body: (borrowing OpenFile) throws(Failure) -> Void
  ) throws(Failure) {
    let file = try PrivateSibling.file(beside: path) { file throws(Failure) in
      try body(file)
      try file.sync()
    }
    try Files.rename(file.path, to: path)
    try Files.sync(Files.parent(of: path))
  }
}

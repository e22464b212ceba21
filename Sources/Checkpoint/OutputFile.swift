package import Failures
import Glibc

/// A file that is written front to back. Durability and renaming are the business of whoever publishes it.
package final class OutputFile {
  package let path: String
  /// Bytes that were written.
  private(set) var position = 0
  private let descriptor: Int32

  /// Creates the file or empties an existing one.
  package init(_ path: String) throws(Failure) {
    self.path = path
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.io, "cannot create '\(path)': \(unsafe String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Writes bytes, or other values in their machine form.
  package func write(_ values: [some BitwiseCopyable]) throws(Failure) {
    try unsafe values.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe write(bytes) }
  }

  package func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    var done = 0
    while done < bytes.count {
      let count = unsafe Glibc.write(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw Failure(.io, "cannot write '\(path)': \(unsafe String(cString: strerror(errno)))")
      }
      done += count
      position += count
    }
  }

  /// Writes a whole text file.
  package static func write(_ text: String, to path: String) throws(Failure) {
    try OutputFile(path).write(Array(text.utf8))
  }
}

package import Failures
import Glibc

/// An open descriptor, closed with the value.
package struct OpenFile: ~Copyable {
  package let descriptor: Int32
  package let path: String

  /// Opens a file or a directory for reading. Never waits for a pipe's other end.
  package init(reading path: String) throws(Failure) {
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    self.path = path
    guard descriptor >= 0 else {
      let missing = [ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG].contains(errno)
      throw Failure(missing ? .missingInput : .io, "cannot open \(path): \(errorText())")
    }
  }

  /// Creates a file that must not exist yet.
  package init(creating path: String) throws(Failure) {
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    self.path = path
    guard descriptor >= 0 else { throw Failure(.io, "cannot create \(path): \(errorText())") }
  }

  /// Opens a file to add to its end, creating it where it does not exist.
  /// - Parameter isPrivate: whether a new file is for this user alone.
  package init(appending path: String, isPrivate: Bool = true) throws(Failure) {
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, isPrivate ? 0o600 : 0o666)
    self.path = path
    guard descriptor >= 0 else { throw Failure(.io, "cannot open \(path): \(errorText())") }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Hands the content from the current place to its end to `body`, a piece at a time.
  package borrowing func readAll(_ body: (ArraySlice<UInt8>) throws(Failure) -> Void) throws(Failure) {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Failure(.io, "cannot read \(path): \(errorText())") }
      if count == 0 { return }
      try body(buffer[..<count])
    }
  }

  package borrowing func write(_ bytes: [UInt8]) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes[written...].withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Failure(.io, "cannot write \(path): \(errorText())") }
      written += count
    }
  }

  /// Takes the kernel's lock on the file or directory, which lives until the descriptor is closed.
  /// False when somebody else holds it.
  package borrowing func tryLock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

  package borrowing func sync() throws(Failure) {
    guard fsync(descriptor) == 0 else { throw Failure(.io, "cannot sync \(path): \(errorText())") }
  }
}

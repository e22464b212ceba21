import Artifacts
import Failures
import FoundationEssentials
import Glibc

/// The kernel's lock on one action key, held by whoever makes the result.
///
/// The stage gets the same open file as its standard input, so the lock lives exactly as long as any process
/// that may still write: an orphan of a killed runner keeps it.
final class KeyLock: Sendable {
  let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Takes the lock if it is free; nil when somebody else holds it.
  ///
  /// - Throws: `Failure.io` when the lock file cannot be made.
  static func take(_ path: String) throws(Failure) -> KeyLock? {
    while true {
      var descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      // Another user's, in a store that several share: reading is enough for a lock.
      if descriptor < 0, errno == EACCES { descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC) }
      if descriptor < 0, errno == ENOENT, Files.exists(Files.parent(of: path)) { continue }
      guard descriptor >= 0 else { throw Failure(.io, "cannot open the lock \(path): \(errorText())") }
      let lock = KeyLock(descriptor: descriptor)
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        if errno == EWOULDBLOCK || errno == EINTR { return nil }
        throw Failure(.io, "cannot lock \(path): \(errorText())")
      }
      // Its last holder may have removed the file between our opening and locking it: then it locks nothing.
      if try lock.isStill(at: path) { return lock }
    }
  }

  private func isStill(at path: String) throws(Failure) -> Bool {
    guard case .file(let here) = try FileStatus(descriptor: descriptor, path: path),
      case .file(let there) = try FileStatus(path)
    else { return false }
    return here.device == there.device && here.inode == there.inode
  }

  /// Says in the file who holds the lock and what for, for people who wait.
  func sign(for label: RunEvent.Label) {
    let since = Date().formatted(.iso8601)
    let bytes = Array("process \(getpid()) on \(Host.name) (for '\(label)', since \(since))".utf8)
    guard ftruncate(descriptor, 0) == 0 else { return }
    _ = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }
}

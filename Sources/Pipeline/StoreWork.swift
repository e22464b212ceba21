import Artifacts
import Failures
import Glibc

/// Work in hand: locks, and the directories that stages write to.
extension Store {
  /// The lock of a key, or nil when another process holds it.
  func lock(_ key: Digest) throws(Failure) -> KeyLock? { try KeyLock.take(lockPath(key)) }

  /// Who holds the lock of a key, as they wrote it down.
  func holder(of key: Digest) -> String {
    let bytes = (try? Files.contents(of: lockPath(key), limit: 1000)) ?? []
    return bytes.isEmpty ? "another process" : String(decoding: bytes, as: UTF8.self)
  }

  /// A clean directory for the stage to write to. Only what an interrupted call left to go on from is kept.
  func prepareWork(_ key: Digest) throws(Failure) {
    let work = workPath(key)
    for name in (try? Files.names(in: work)) ?? [] where name != "out.partial" {
      Files.remove("\(work)/\(name)")
    }
    try Files.makeDirectories(work)
  }

  /// Ends the work on a key: the lock file goes while the lock is still held.
  func finishWork(_ key: Digest, _ lock: KeyLock) {
    withExtendedLifetime(lock) {
      let names = (try? Files.names(in: workPath(key))) ?? []
      if !names.contains("out.partial") { Files.remove(workPath(key)) }
      _ = unsafe unlink(lockPath(key))
    }
  }

  /// Removes what killed runners left behind: work whose lock is free, and locks that nobody holds.
  ///
  /// - Parameter keepingPartial: whether what an interrupted stage can go on from stays.
  func sweep(keepingPartial: Bool = true) {
    for name in (try? Files.names(in: "\(root)/tmp")) ?? [] {
      guard let key = Digest(hex: name) else {
        Files.remove("\(root)/tmp/\(name)")
        continue
      }
      guard let lock = try? lock(key) else { continue }
      if keepingPartial { try? prepareWork(key) } else { Files.remove(workPath(key)) }
      finishWork(key, lock)
    }
    for name in (try? Files.names(in: "\(root)/locks")) ?? [] {
      guard let key = Digest(hex: name), let lock = try? lock(key) else { continue }
      finishWork(key, lock)
    }
  }

  // MARK: - Runners and the collector

  /// Shares the store with other runners; nil while `gc` is at work in it.
  func share() throws(Failure) -> StoreUse? { try StoreUse.take("\(root)/in-use", exclusive: false) }

  /// The store for itself alone; nil while a runner uses it.
  func own() throws(Failure) -> StoreUse? { try StoreUse.take("\(root)/in-use", exclusive: true) }
}

/// The kernel's lock on the whole store, shared by runners and taken alone by the collector.
final class StoreUse: Sendable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  static func take(_ path: String, exclusive: Bool) throws(Failure) -> StoreUse? {
    // For reading: a lock needs no more, and the file may be another user's.
    let descriptor = unsafe open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Failure(.io, "cannot open the lock \(path): \(errorText())") }
    let use = StoreUse(descriptor)
    if flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 { return use }
    guard errno == EWOULDBLOCK || errno == EINTR else {
      throw Failure(.io, "cannot lock \(path): \(errorText())")
    }
    return nil
  }
}

import Failures
import Glibc

/// A file or directory `.NAME.tmp-PID-RANDOM` beside NAME, in which its owner prepares what becomes NAME by one
/// rename. It is removed with the value, unless it was renamed away, and so are directories that were made for it.
///
/// Its owner holds the kernel's lock on it. The lock dies with the process, so whoever finds such a name and
/// gets the lock has found the leftover of a killed writer and may remove it.
final class PrivateSibling {
  let path: String
  private let lock: OpenFile
  private var parents: [String] = []

  private init(path: String, lock: consuming OpenFile) {
    self.path = path
    self.lock = lock
  }

  deinit {
    Files.remove(path)
    for parent in parents.reversed() { unsafe rmdir(parent) }  // refused where something has come to lie in it
  }

  /// The directories above it are made where there are none yet.
  static func directory(beside output: String) throws(Failure) -> PrivateSibling {
    let parents = try Files.makeDirectories(Files.parent(of: output))
    let sibling = try make(beside: output) { path throws(Failure) in
      guard unsafe mkdir(path, 0o777) == 0 else {
        throw Failure(.io, "cannot create the directory \(path): \(errorText())")
      }
      do throws(Failure) {
        return try OpenFile(reading: path)
      } catch {
        if case .missing = try FileStatus(path) { return nil }  // a sweeper was faster
        throw error
      }
    }
    sibling.parents = parents
    return sibling
  }

  /// Hands the new, empty file to `body`, to be written.
  static func file(
    beside output: String, write body: (borrowing OpenFile) throws(Failure) -> Void
  ) throws(Failure) -> PrivateSibling {
    let sibling = try make(beside: output) { path throws(Failure) in try OpenFile(creating: path) }
    try body(sibling.lock)
    return sibling
  }

  private static func make(
    beside output: String, create: (String) throws(Failure) -> OpenFile?
  ) throws(Failure) -> PrivateSibling {
    while true {
      let path = prefix(for: output) + "\(getpid())-" + String(UInt64.random(in: 0 ... .max), radix: 16)
      // Between creation and lock a sweeper may have taken it for a leftover: then make another.
      guard let lock = try create(path), lock.tryLock(), try isSame(lock, path) else { continue }
      return PrivateSibling(path: path, lock: lock)
    }
  }

  /// Removes what killed writers of `output` left behind.
  static func sweep(beside output: String) {
    sweep(in: Files.parent(of: output), only: Files.name(of: prefix(for: output)))
  }

  /// Removes from a directory what killed writers of anything in it left behind.
  static func sweep(in directory: String, only prefix: String = ".") {
    for name in (try? Files.names(in: directory)) ?? [] where name.hasPrefix(prefix) && isPrivate(name) {
      let path = directory + "/" + name
      guard let leftover = try? OpenFile(reading: path), leftover.tryLock() else { continue }
      Files.remove(path)
    }
  }

  /// Whether a name ends in `.tmp-PID-RANDOM` (`…-old` when it was set aside for removal).
  private static func isPrivate(_ name: String) -> Bool {
    var parts = (name.split(separator: ".").last ?? "").split(separator: "-")
    if parts.last == "old" { parts.removeLast() }
    return parts.count == 3 && parts[0] == "tmp" && Int32(parts[1]) != nil
      && UInt64(parts[2], radix: 16) != nil
  }

  private static func prefix(for output: String) -> String {
    let parent = Files.parent(of: output)
    return (parent == "/" ? "" : parent) + "/." + Files.name(of: output) + ".tmp-"
  }

  private static func isSame(_ file: borrowing OpenFile, _ path: String) throws(Failure) -> Bool {
    switch (try FileStatus(descriptor: file.descriptor, path: path), try FileStatus(path)) {
    case (.file(let left), .file(let right)), (.directory(let left), .directory(let right)):
      left.device == right.device && left.inode == right.inode
    default: false
    }
  }
}

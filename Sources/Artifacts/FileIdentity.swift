package import Failures
import Glibc

/// What the file system says about a file: as long as all of it stays the same, so does the content
/// (save for the racy moment that `DigestMemo` watches for).
package struct FileIdentity: Equatable, Sendable {
  package let device: UInt64
  package let inode: UInt64
  package let size: Int
  /// Nanoseconds since 1970.
  package let modified: Int
  /// Nanoseconds since 1970; the kernel sets it, no program can set it back.
  package let changed: Int
  /// Whether anybody may execute it.
  package let isExecutable: Bool

  fileprivate init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
    isExecutable = status.st_mode & 0o111 != 0
  }

  /// The identity as the memo writes it.
  var text: String { "\(device) \(inode) \(size) \(modified) \(changed)" }

  static func nanoseconds(_ time: timespec) -> Int {
    // Absurd times wrap round: an identity is compared, never computed with.
    Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec)
  }
}

/// What lies at a path.
package enum FileStatus {
  case file(FileIdentity)
  case directory(FileIdentity)
  case symbolicLink
  /// A pipe, socket or device.
  case special
  case missing

  /// - Parameter followingLinks: whether a symbolic link at the end of the path is looked through.
  /// - Throws: `Failure.missingInput` when the path may not be looked at, `Failure.io` for other errors.
  package init(_ path: String, followingLinks: Bool = false) throws(Failure) {
    var status = stat()
    let result = unsafe followingLinks ? stat(path, &status) : lstat(path, &status)
    if result == 0 {
      self.init(status)
      Witness.current?.note(path, self)
    } else if [ENOENT, ENOTDIR, ELOOP].contains(errno) {
      self = .missing
      Witness.current?.note(path, self)
    } else {
      throw Failure(errno == EACCES ? .missingInput : .io, "cannot look at \(path): \(errorText())")
    }
  }

  /// What an open descriptor refers to.
  package init(descriptor: Int32, path: String) throws(Failure) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw Failure(.io, "cannot look at \(path): \(errorText())")
    }
    self.init(status)
    Witness.current?.note(path, self)
  }

  private init(_ status: stat) {
    self =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file(FileIdentity(status))
      case S_IFDIR: .directory(FileIdentity(status))
      case S_IFLNK: .symbolicLink
      default: .special
      }
  }
}

/// The words of the C library for the last error ("No space left on device").
package func errorText(_ code: Int32 = errno) -> String { unsafe String(cString: strerror(code)) }

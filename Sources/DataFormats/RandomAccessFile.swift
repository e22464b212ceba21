import Artifacts
import Failures
import Glibc

/// A file that is read here and there, or from front to back.
///
/// It is never mapped: a user's file may be cut short at any moment, which would end a process that maps it.
final class RandomAccessFile {
  let name: String
  let size: Int
  /// Where the next piece begins.
  private(set) var position = 0
  private let descriptor: Int32

  private static let pieceSize = 1 << 16

  init(_ path: String) throws(Failure) {
    name = path
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "cannot open '\(path)': \(unsafe String(cString: strerror(errno)))")
    }
    guard case .file(let identity) = try FileStatus(descriptor: descriptor, path: path) else {
      throw Failure(.badData, "'\(path)' is not a regular file")
    }
    size = identity.size
  }

  /// Spools bytes into a file without a name, which is gone with this object.
  init(_ name: String, pieces: () throws(Failure) -> [UInt8]?) throws(Failure) {
    self.name = name
    let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array("\(directory)/randlora-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
    let descriptor = unsafe mkstemp(&template)
    self.descriptor = descriptor
    guard descriptor >= 0 else {
      throw Failure(.io, "cannot write to '\(directory)': \(unsafe String(cString: strerror(errno)))")
    }
    unsafe unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var size = 0
    while let piece = try pieces() {
      size += piece.count
      let written = unsafe piece.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
      guard written == piece.count else {
        throw Failure(.io, "cannot write to '\(directory)': \(unsafe String(cString: strerror(errno)))")
      }
    }
    self.size = size
  }

  deinit { close(descriptor) }

  /// The bytes from `offset` on, all of them.
  ///
  /// - Throws: `Failure.badData` when the file ends before.
  func read(at offset: Int, count: Int) throws(Failure) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw Failure(
        .badData, "\(name): the file ends at byte \(size), but \(count) bytes should follow byte \(offset)",
        hint: "the file may be damaged or incomplete")
    }
    let bytes = try readUpTo(count, at: offset)
    guard bytes.count == count else { throw Failure(.badData, "\(name) became shorter while it was read") }
    return bytes
  }

  /// The next piece of a reading from front to back, nil at the end.
  func nextPiece() throws(Failure) -> [UInt8]? {
    let piece = try readUpTo(Self.pieceSize, at: position)
    position += piece.count
    return piece.isEmpty ? nil : piece
  }

  /// Goes on from another place.
  func seek(to offset: Int) { position = offset }

  /// Tells how far the reading is, where it is not from front to back.
  func advance(to offset: Int) { position = max(position, offset) }

  private func readUpTo(_ count: Int, at offset: Int) throws(Failure) -> [UInt8] {
    var failed = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count, !failed {
        let got = unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled, off_t(offset + filled))
        if got < 0, errno == EINTR { continue }
        if got == 0 { return }
        failed = got < 0
        filled += max(0, got)
      }
    }
    guard !failed else {
      throw Failure(.io, "cannot read '\(name)': \(unsafe String(cString: strerror(errno)))")
    }
    return bytes
  }
}

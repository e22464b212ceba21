package import Failures
import Glibc

/// A file's bytes, mapped and never copied: the kernel pages them in when they are read and may drop them again.
///
/// The mapping outlives the file's name. Files that are used through one are never written in place: artifacts
/// are read-only, and a shorter file under a living mapping would end the process.
@safe package final class MappedFile: @unchecked Sendable {
  package let path: String
  package let count: Int
  /// The bytes. Valid as long as this object lives.
  package let bytes: UnsafeRawBufferPointer

  /// - Throws: `missingInput` when the file cannot be opened, `badData` when it is no regular file, `io` otherwise.
  package init(_ path: String) throws(Failure) {
    // Never waits for a pipe's other end.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw Failure(.missingInput, "cannot open '\(path)': \(MappedFile.errorText())")
    }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw Failure(.io, "cannot read the size of '\(path)': \(MappedFile.errorText())")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.badData, "'\(path)' is not a regular file")
    }
    self.path = path
    count = Int(status.st_size)
    guard count > 0 else {
      unsafe bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Failure(.io, "cannot map '\(path)' (\(count) bytes): \(MappedFile.errorText())")
    }
    unsafe bytes = UnsafeRawBufferPointer(start: address, count: count)
  }

  deinit {
    if let address = unsafe bytes.baseAddress {
      unsafe munmap(UnsafeMutableRawPointer(mutating: address), count)
    }
  }

  /// A copy of all bytes, for small files such as configurations.
  package var contents: [UInt8] { unsafe Array(bytes) }

  private static func errorText() -> String { unsafe String(cString: strerror(errno)) }
}

import Checkpoint
import Glibc

/// The lines of a file, one by one and without their ends; the file stays on disk.
struct LineReader {
  private let file: MappedFile
  /// Where the next line starts.
  private(set) var offset = 0
  /// The number of the line that was read last, counted from 1.
  private(set) var number = 0

  init(_ file: MappedFile) { self.file = file }

  mutating func next() -> [UInt8]? {
    guard offset < file.count, let base = unsafe file.bytes.baseAddress else { return nil }
    let rest = file.count - offset
    let end =
      unsafe memchr(base + offset, 0x0A, rest).map { unsafe UnsafeRawPointer($0) - (base + offset) } ?? rest
    let line = unsafe Array(UnsafeRawBufferPointer(start: base + offset, count: end))
    offset += end + 1
    number += 1
    return line
  }
}

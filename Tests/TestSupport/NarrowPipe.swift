import Foundation
import Testing

/// A pipe that has room for a short line and no more: a program that writes a long one, such as a line of progress
/// under `RANDLORA_PROGRESS=json`, stands still until the pipe is read. So a test meets it at a known step, however
/// fast or slow the machine is.
package final class NarrowPipe {
  let writing: FileHandle
  private let reading: FileHandle
  private let filled: Int

  /// - Parameter room: bytes that can be written before the writer stands still.
  package init(room: Int = 64) throws {
    let pipe = Pipe()
    (reading, writing) = (pipe.fileHandleForReading, pipe.fileHandleForWriting)
    let capacity = fcntl(writing.fileDescriptor, 1031 /* F_SETPIPE_SZ */, 4096)
    filled = Int(capacity) - room
    try #require(capacity == 4096)
    try writing.write(contentsOf: Data(repeating: UInt8(ascii: "\n"), count: filled))
  }

  /// Reads until the program has closed its end.
  func read() throws -> String {
    let bytes = try reading.readToEnd() ?? Data()
    return String(decoding: bytes.dropFirst(filled), as: UTF8.self)
  }
}

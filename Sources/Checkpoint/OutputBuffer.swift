package import Failures

/// Pieces on their way into a file, written together: the system takes long over many small writes, and over those
/// that end within a page.
package struct OutputBuffer: ~Copyable {
  private let file: OutputFile
  private var bytes: [UInt8] = []

  /// Every write but the last ends at a multiple of it.
  private static let writeSize = 1 << 18

  package init(_ file: OutputFile) {
    self.file = file
    bytes.reserveCapacity(Self.writeSize)
  }

  package mutating func append(_ values: [some BitwiseCopyable]) throws(Failure) {
    try unsafe values.span.withUnsafeBytes { (bytes) throws(Failure) in try unsafe append(bytes) }
  }

  package mutating func append(_ piece: UnsafeRawBufferPointer) throws(Failure) {
    var rest = unsafe piece[...]
    while unsafe !rest.isEmpty {
      let room = Self.writeSize - (file.position + bytes.count) % Self.writeSize
      unsafe bytes += rest.prefix(room)
      if unsafe rest.count >= room { try flush() }
      unsafe rest = rest.dropFirst(room)
    }
  }

  /// Writes what is held back; at the end whoever appends must ask for it.
  package mutating func flush() throws(Failure) {
    try file.write(bytes)
    bytes.removeAll(keepingCapacity: true)
  }
}

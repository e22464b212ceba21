package import Failures

/// What a GGUF file's header says about one tensor.
package struct GGUFTensor: Sendable, Equatable {
  package let name: String
  package let type: GGUFTensorType
  /// As everywhere here, the longest stride first; the file has it the other way round.
  package let shape: [Int]

  package init(name: String, type: GGUFTensorType, shape: [Int]) {
    (self.name, self.type, self.shape) = (name, type, shape)
  }

  package var byteCount: Int { type.byteCount(of: shape.reduce(1, *)) }
}

/// Writes a GGUF file front to back, version 3 in little-endian (ggml's docs/gguf.md): metadata, the tensors' descriptions,
/// and each tensor's bytes in the order declared, aligned to 32 bytes.
///
/// Nothing is held in memory but the piece in hand. The same content gives the same bytes.
package final class GGUFWriter {
  private let tensors: [GGUFTensor]
  private let file: OutputFile
  private var next = 0
  /// Bytes of the tensor in hand that have been written.
  private var written = 0

  private static let version: UInt32 = 3
  /// The format's default, which needs no `general.alignment`.
  private static let alignment = 32

  /// Creates or replaces the file and writes all that stands before the tensors' data.
  /// - Parameters:
  ///   - metadata: keys must be unique.
  ///   - tensors: what will be appended, in this order; names must be unique.
  package init(
    _ path: String, metadata: [(key: String, value: GGUFValue)], tensors: [GGUFTensor]
  ) throws(Failure) {
    self.tensors = tensors
    file = try OutputFile(path)
    var header = Array("GGUF".utf8)
    header.append(littleEndian: Self.version)
    header.append(littleEndian: UInt64(tensors.count))
    header.append(littleEndian: UInt64(metadata.count))
    for (key, value) in metadata {
      header.append(ggufString: Array(key.utf8))
      header.append(value)
    }
    var offset = 0
    for tensor in tensors {
      header.append(ggufString: Array(tensor.name.utf8))
      header.append(littleEndian: UInt32(tensor.shape.count))
      for dimension in tensor.shape.reversed() { header.append(littleEndian: UInt64(dimension)) }
      header.append(littleEndian: tensor.type.code)
      header.append(littleEndian: UInt64(offset))
      offset += tensor.byteCount + Self.padding(after: tensor.byteCount)
    }
    try file.write(header + Array(repeating: 0, count: Self.padding(after: header.count)))
  }

  /// Appends bytes of the tensor in hand; the next one follows when it is complete.
  package func append(_ bytes: [UInt8]) throws(Failure) {
    precondition(next < tensors.count, "\(file.path): more tensors than were declared")
    let count = tensors[next].byteCount
    written += bytes.count
    precondition(written <= count, "\(tensors[next].name): \(written) bytes for \(count)")
    try file.write(bytes)
    guard written == count else { return }
    try file.write([UInt8](repeating: 0, count: Self.padding(after: count)))
    (next, written) = (next + 1, 0)
  }

  /// Ends the file. Every declared tensor must have been appended.
  package func finish() {
    precondition(next == tensors.count, "\(file.path): \(tensors.count - next) declared tensors were not written")
  }

  private static func padding(after count: Int) -> Int { (alignment - count % alignment) % alignment }
}

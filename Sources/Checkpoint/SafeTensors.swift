package import Failures
import JSON
package import Tensor

/// A safetensors file: named tensors that stay in the mapped file.
///
/// The rules are those of the format's reference reader: an 8-byte little-endian header length, a JSON object, and
/// data that the tensors cover completely, in order and without overlap. Whatever breaks them is refused.
package struct SafeTensors: Sendable {
  package let path: String
  /// The strings under `__metadata__`.
  package let metadata: [String: String]
  /// The tensors in the order of their data.
  package let descriptions: [TensorDescription]

  private let file: MappedFile
  private let offsets: [Int]
  private let positions: [ByteString: Int]

  /// As in the format's reference reader: nothing honest has a longer header.
  private static let longestHeader = 100_000_000

  /// - Throws: `missingInput`, `io`, or `badData` naming the file, the tensor and the field.
  package init(_ path: String) throws(Failure) {
    let file = try MappedFile(path)
    let header = try Self.header(of: file)
    let document = try JSONDocument(header, source: "\(path) (header)")
    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    for (key, cursor) in try document.cursor.members() {
      if key.utf8.elementsEqual("__metadata__".utf8) {
        for (name, value) in try cursor.members() { metadata[name] = try value.string() }
      } else {
        entries.append(try Entry(name: key, cursor: cursor))
      }
    }
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    let dataStart = 8 + header.count
    try Self.checkCoverage(entries, dataBytes: file.count - dataStart, path: path)
    self.path = path
    self.file = file
    self.metadata = metadata
    descriptions = entries.map(\.description)
    offsets = entries.map { dataStart + $0.range.lowerBound }
    var positions: [ByteString: Int] = [:]
    for (index, entry) in entries.enumerated() { positions[ByteString(entry.description.name)] = index }
    self.positions = positions
  }

  package var names: [String] { descriptions.map(\.name) }

  /// The tensor of that name, or nil. Its bytes lie in the mapping; only a tensor that the file does not align to
  /// its element size is copied, at each call.
  package subscript(name: String) -> StoredTensor? {
    positions[ByteString(name)].map { tensor(at: $0) }
  }

  /// The tensor of that name, which must be there and, where asked, have this element type and shape.
  package func tensor(
    _ name: String, dtype: DType? = nil, shape: [Int]? = nil
  ) throws(Failure) -> StoredTensor {
    guard let tensor = self[name] else { throw Failure(.badData, "\(path): the tensor '\(name)' is missing") }
    if let dtype, tensor.dtype != dtype {
      throw Failure(
        .badData,
        "\(path): the tensor '\(name)' has element type \(tensor.dtype.rawValue), expected \(dtype.rawValue)")
    }
    if let shape, tensor.shape != shape {
      throw Failure(.badData, "\(path): the tensor '\(name)' has shape \(tensor.shape), expected \(shape)")
    }
    return tensor
  }

  private func tensor(at index: Int) -> StoredTensor {
    let description = descriptions[index]
    let byteCount = description.byteCount ?? 0
    let source = unsafe UnsafeRawBufferPointer(
      rebasing: file.bytes[offsets[index]..<offsets[index] + byteCount])
    if let address = source.baseAddress, Int(bitPattern: address) % description.dtype.size == 0 {
      return unsafe StoredTensor(
        dtype: description.dtype, shape: description.shape, bytes: address, owner: file)
    }
    let copy = unsafe AlignedBytes(copying: source)
    return unsafe StoredTensor(
      dtype: description.dtype, shape: description.shape, bytes: UnsafeRawPointer(copy.start), owner: copy)
  }
}

// MARK: - The header

extension SafeTensors {
  /// One member of the header: a tensor and the bytes it takes, counted from the end of the header.
  private struct Entry {
    let description: TensorDescription
    let range: Range<Int>

    init(name: String, cursor: JSONCursor) throws(Failure) {
      try cursor.allowOnly(["dtype", "shape", "data_offsets"])
      let dtypeName = try cursor.field("dtype").string()
      guard let dtype = DType(rawValue: dtypeName) else {
        throw try cursor.field("dtype").failure("unsupported element type '\(dtypeName)'")
      }
      var shape: [Int] = []
      for dimension in try cursor.field("shape").elements() { shape.append(try dimension.integer(in: 0...)) }
      description = TensorDescription(name: name, dtype: dtype, shape: shape)
      let offsets = try cursor.field("data_offsets")
      let ends = try offsets.elements()
      guard ends.count == 2 else { throw offsets.failure("expected two offsets, found \(ends.count)") }
      let (begin, end) = (try ends[0].integer(in: 0...), try ends[1].integer(in: 0...))
      guard begin <= end else { throw offsets.failure("the end \(end) lies before the start \(begin)") }
      guard let bytes = description.byteCount else { throw cursor.failure("the shape \(shape) is too large") }
      guard end - begin == bytes else {
        throw offsets.failure("\(end - begin) bytes, but \(dtypeName) of shape \(shape) takes \(bytes)")
      }
      range = begin..<end
    }
  }

  private static func header(of file: MappedFile) throws(Failure) -> [UInt8] {
    func damaged(_ what: String) -> Failure {
      Failure(.badData, "\(file.path) is not a safetensors file: \(what)", hint: "the file may be incomplete")
    }
    guard file.count >= 8 else {
      throw damaged("it has \(file.count) bytes, fewer than the 8 of the header length")
    }
    let length = UInt64(littleEndian: unsafe file.bytes.loadUnaligned(as: UInt64.self))
    guard length <= longestHeader, length <= file.count - 8 else {
      throw damaged("its header would have \(length) bytes, the whole file has \(file.count)")
    }
    let header = unsafe Array(file.bytes[8..<8 + Int(length)])
    guard header.first == UInt8(ascii: "{") else { throw damaged("its header does not start with '{'") }
    return header
  }

  /// The tensors must cover the data from the first to the last byte, one after another.
  private static func checkCoverage(_ entries: [Entry], dataBytes: Int, path: String) throws(Failure) {
    var end = 0
    for entry in entries {
      let name = entry.description.name
      guard entry.range.lowerBound == end else {
        let what = entry.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
        throw Failure(
          .badData,
          "\(path): the tensor '\(name)' \(what): it starts at \(entry.range.lowerBound), expected \(end)")
      }
      end = entry.range.upperBound
    }
    guard end == dataBytes else {
      throw Failure(
        .badData, "\(path): the tensors take \(end) bytes, but \(dataBytes) follow the header",
        hint: end > dataBytes ? "the file is incomplete" : nil)
    }
  }
}

/// A copy of bytes that is aligned for every element type.
@safe private final class AlignedBytes: @unchecked Sendable {
  let start: UnsafeMutableRawPointer

  init(copying source: UnsafeRawBufferPointer) {
    unsafe start = UnsafeMutableRawPointer.allocate(byteCount: max(source.count, 1), alignment: 16)
    if let address = source.baseAddress { unsafe start.copyMemory(from: address, byteCount: source.count) }
  }

  deinit { unsafe start.deallocate() }
}

import CSnappy
import Failures

/// How the pages of a column are compressed.
enum ParquetCodec: Int {
  case none = 0
  case snappy = 1
  case gzip = 2
  case zstd = 6

  private static let names = [3: "LZO", 4: "BROTLI", 5: "LZ4", 7: "LZ4_RAW"]

  /// - Parameter column: what errors call the place.
  init(_ number: Int, column: String) throws(Failure) {
    guard let codec = ParquetCodec(rawValue: number) else {
      throw Failure(
        .badData, "\(column): the compression \(Self.names[number] ?? "number \(number)") is not supported",
        hint: "write the file with snappy, zstd, gzip or no compression")
    }
    self = codec
  }

  /// - Parameter count: how many bytes there must be.
  func decompressed(_ bytes: [UInt8], count: Int, column: String) throws(Failure) -> [UInt8] {
    let result: [UInt8]?
    switch self {
    case .none: result = bytes
    case .snappy: result = Self.snappy(bytes, count: count)
    case .gzip, .zstd: result = try unpacked(bytes, upTo: count, column: column)
    }
    guard let result, result.count == count else {
      throw Failure(.badData, "\(column): a page does not expand to the \(count) bytes that it should have")
    }
    return result
  }

  private static func snappy(_ bytes: [UInt8], count: Int) -> [UInt8]? {
    unsafe bytes.withUnsafeBytes { source -> [UInt8]? in
      let start = unsafe source.assumingMemoryBound(to: CChar.self).baseAddress
      var length = 0
      guard unsafe snappy_uncompressed_length(start, source.count, &length) == SNAPPY_OK, length == count else {
        return nil
      }
      var valid = false
      let result = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        let target = unsafe UnsafeMutableRawBufferPointer(buffer).assumingMemoryBound(to: CChar.self).baseAddress
        valid = unsafe snappy_uncompress(start, source.count, target, &length) == SNAPPY_OK
        filled = valid ? length : 0
      }
      return valid ? result : nil
    }
  }

  private func unpacked(_ bytes: [UInt8], upTo count: Int, column: String) throws(Failure) -> [UInt8] {
    let nextPiece = try unpacking(bytes, column)
    var result: [UInt8] = []
    while result.count <= count, let piece = try nextPiece() { result += piece }
    return result
  }

  /// What gives the next piece, nil at the end.
  private func unpacking(_ bytes: [UInt8], _ column: String) throws(Failure) -> () throws(Failure) -> [UInt8]? {
    var rest: [UInt8]? = bytes
    let pieces = { () throws(Failure) in
      defer { rest = nil }
      return rest
    }
    let limit = ExpansionLimit(fileSize: bytes.count)
    if self == .gzip {
      let reader = GzipReader(column, limit: limit, pieces: pieces)
      return { () throws(Failure) in try reader.nextPiece() }
    }
    let reader = try ArchiveReader(column, limit: limit, pieces: pieces)
    guard try reader.nextEntry() != nil else { return { () throws(Failure) in nil } }
    return { () throws(Failure) in try reader.nextPiece() }
  }
}

import Failures

/// The header of a page of a column.
struct ParquetPageHeader {
  enum Kind: Int { case data = 0, index = 1, dictionary = 2, dataV2 = 3 }

  private(set) var kind = -1
  private(set) var uncompressedSize = -1
  private(set) var compressedSize = -1
  /// CRC-32 of the page as it lies in the file.
  private(set) var checksum: Int?
  private(set) var valueCount = -1
  private(set) var encoding = -1
  /// Encodings of the levels in pages of version 1.
  private(set) var levelEncodings: [Int] = []
  /// Bytes of the levels in pages of version 2.
  private(set) var (definitionBytes, repetitionBytes) = (0, 0)
  private(set) var isCompressed = true

  /// - Parameter bytes: begin with the header.
  /// - Returns: also how many bytes the header has.
  static func read(_ bytes: [UInt8], column: String) throws(Failure) -> (header: Self, count: Int) {
    var header = Self()
    var reader = ThriftReader(bytes, source: "\(column) (page header)")
    try reader.structure { reader, field throws(Failure) in
      switch field.id {
      case 1: header.kind = try reader.integer(field)
      case 2: header.uncompressedSize = try reader.integer(field)
      case 3: header.compressedSize = try reader.integer(field)
      case 4: header.checksum = try reader.integer(field)
      case 5, 7, 8: try header.readDetails(&reader, isV2: field.id == 8)
      default: try reader.skip(field.kind)
      }
    }
    return (header, reader.offset)
  }

  /// The three kinds of pages have their numbers in common places, but for the second version's levels.
  private mutating func readDetails(_ reader: inout ThriftReader, isV2: Bool) throws(Failure) {
    var header = self
    try reader.structure { reader, field throws(Failure) in
      switch (isV2, field.id) {
      case (_, 1): header.valueCount = try reader.integer(field)
      case (false, 2), (true, 4): header.encoding = try reader.integer(field)
      // Of a dictionary, the third field is something else.
      case (false, 3) where field.kind == .i32, (false, 4) where field.kind == .i32:
        header.levelEncodings.append(try reader.integer(field))
      case (true, 5): header.definitionBytes = try reader.integer(field)
      case (true, 6): header.repetitionBytes = try reader.integer(field)
      case (true, 7): header.isCompressed = try reader.bool(field)
      default: try reader.skip(field.kind)
      }
    }
    self = header
  }
}

/// How the values of a page are written.
enum ParquetEncoding: Int {
  case plain = 0
  case plainDictionary = 2
  case runLength = 3
  case dictionary = 8

  private static let names = [
    4: "BIT_PACKED", 5: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY",
    9: "BYTE_STREAM_SPLIT",
  ]

  init(_ number: Int, column: String) throws(Failure) {
    guard let encoding = ParquetEncoding(rawValue: number) else {
      throw Failure(
        .badData, "\(column): the encoding \(Self.names[number] ?? "number \(number)") is not supported",
        hint: "write the file with plain or dictionary encoding")
    }
    self = encoding
  }
}

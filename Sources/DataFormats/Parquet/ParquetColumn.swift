import CZlib
import Failures
import JSON

/// One column of one row group, read a page at a time: values with the levels that say where in a row they stand.
struct ParquetColumn {
  private enum Values {
    case plain(PlainDecoder)
    case dictionary(HybridDecoder)
    case booleans(HybridDecoder)
  }

  /// What errors call it: the file and the path of the column.
  let name: String
  private let file: RandomAccessFile
  private let node: ParquetNode
  private let type: ParquetType
  private let codec: ParquetCodec
  /// The next page, and the end of the last one.
  private var (offset, end): (Int, Int)
  /// Values of pages that are not read yet, and of this one.
  private var (valuesLeft, pageLeft): (Int, Int)
  private var dictionary: [JSON]?
  private var values: Values?
  private var repetitions = HybridDecoder([], 0..<0, bitWidth: 0)
  private var definitions = HybridDecoder([], 0..<0, bitWidth: 0)
  /// The levels of the next value; the repetition level is -1 after the last one.
  private(set) var (repetition, definition) = (-1, 0)

  /// The most bytes of an honest page.
  private static let largestPage = 256 << 20

  init(_ chunk: ParquetMetadata.ColumnChunk, _ node: ParquetNode, file: RandomAccessFile) throws(Failure) {
    name = "\(file.name): column '\(chunk.path.joined(separator: "."))'"
    guard let type = node.type, chunk.type == type.physical else {
      throw Failure(.badData, "\(name): its type is not what the schema says")
    }
    if let unsupported = type.unsupported {
      throw Failure(.badData, "\(name): the type \(unsupported) is not supported", hint: "convert it to text")
    }
    guard !chunk.isElsewhere else { throw Failure(.badData, "\(name): it lies in another file") }
    (self.file, self.node, self.type) = (file, node, type)
    codec = try ParquetCodec(chunk.codec, column: name)
    // A dictionary stands before the data; 0 is what some writers put for none.
    offset = min(chunk.dataOffset, chunk.dictionaryOffset.flatMap { $0 > 0 ? $0 : nil } ?? chunk.dataOffset)
    guard offset > 0, chunk.byteCount >= 0, chunk.byteCount <= file.size - offset, chunk.valueCount >= 0 else {
      throw Failure(.badData, "\(name): it does not lie within the file", hint: "the file may be incomplete")
    }
    end = offset + chunk.byteCount
    (valuesLeft, pageLeft) = (chunk.valueCount, 0)
    try advance()
  }

  /// The next value, null where its level says that there is none.
  mutating func next() throws(Failure) -> JSON {
    guard repetition >= 0 else { throw damaged("it ends before the last row") }
    let value = definition == node.definitionLevel ? try value() : .null
    try advance()
    return value
  }

  private mutating func value() throws(Failure) -> JSON {
    switch values {
    case .plain(var decoder):
      defer { values = .plain(decoder) }
      return try decoder.next()
    case .dictionary(var decoder):
      defer { values = .dictionary(decoder) }
      guard let index = decoder.next() else { throw damaged("a page ends before its last value") }
      guard let dictionary, index < dictionary.count else { throw damaged("a value is not in its dictionary") }
      return dictionary[index]
    case .booleans(var decoder):
      defer { values = .booleans(decoder) }
      guard let bit = decoder.next() else { throw damaged("a page ends before its last value") }
      return .bool(bit != 0)
    case nil: throw damaged("a page has no values")
    }
  }

  /// Reads the levels of the next value.
  private mutating func advance() throws(Failure) {
    while pageLeft == 0 {
      guard valuesLeft > 0 else {
        repetition = -1
        return
      }
      try readPage()
    }
    pageLeft -= 1
    guard let repetition = repetitions.next(), let definition = definitions.next(),
      repetition <= node.repetitionLevel, definition <= node.definitionLevel
    else { throw damaged("the levels of a page are wrong") }
    (self.repetition, self.definition) = (repetition, definition)
  }

  private func damaged(_ what: String) -> Failure {
    Failure(.badData, "\(name): \(what)", hint: "the file may be damaged")
  }
}

// MARK: - Pages

extension ParquetColumn {
  /// A page header has statistics in it, of which the longest honest ones fit in this.
  private static let longestHeader = 1 << 16

  private mutating func readPage() throws(Failure) {
    guard offset < end else { throw damaged("its pages hold fewer values than they should") }
    let beginning = try file.read(at: offset, count: min(Self.longestHeader, end - offset))
    let (header, headerSize) = try ParquetPageHeader.read(beginning, column: name)
    offset += headerSize
    guard (0...Self.largestPage).contains(header.uncompressedSize), header.compressedSize >= 0,
      header.compressedSize <= end - offset
    else {
      throw damaged("a page of \(header.compressedSize) bytes that expand to \(header.uncompressedSize)")
    }
    let bytes = try file.read(at: offset, count: header.compressedSize)
    if let checksum = header.checksum {
      let found = unsafe bytes.withUnsafeBufferPointer { unsafe crc32(0, $0.baseAddress, UInt32($0.count)) }
      guard UInt32(truncatingIfNeeded: checksum) == UInt32(found) else { throw damaged("a page whose checksum is wrong") }
    }
    offset += header.compressedSize
    file.advance(to: offset)
    switch ParquetPageHeader.Kind(rawValue: header.kind) {
    case .dictionary: try readDictionary(header, bytes)
    case .data: try readData(header, bytes)
    case .dataV2: try readDataV2(header, bytes)
    case .index: break
    case nil: throw damaged("a page of the unknown kind \(header.kind)")
    }
  }

  private func expanded(_ bytes: [UInt8], _ count: Int) throws(Failure) -> [UInt8] {
    try codec.decompressed(bytes, count: count, column: name)
  }

  private mutating func readDictionary(_ header: ParquetPageHeader, _ bytes: [UInt8]) throws(Failure) {
    let encoding = try ParquetEncoding(header.encoding, column: name)
    let page = try expanded(bytes, header.uncompressedSize)
    guard dictionary == nil, encoding == .plain || encoding == .plainDictionary,
      (0...page.count).contains(header.valueCount)
    else { throw damaged("its dictionary is wrong") }
    var decoder = PlainDecoder(page, from: 0, type, column: name)
    var entries: [JSON] = []
    for _ in 0..<header.valueCount { entries.append(try decoder.next()) }
    dictionary = entries
  }

  private mutating func begin(_ header: ParquetPageHeader) throws(Failure) {
    guard (0...valuesLeft).contains(header.valueCount) else {
      throw damaged("a page of \(header.valueCount) values, where \(valuesLeft) are left")
    }
    valuesLeft -= header.valueCount
    pageLeft = header.valueCount
  }

  private mutating func readData(_ header: ParquetPageHeader, _ bytes: [UInt8]) throws(Failure) {
    try begin(header)
    let page = try expanded(bytes, header.uncompressedSize)
    var offset = 0
    for level in [node.repetitionLevel, node.definitionLevel] where level > 0 {
      guard header.levelEncodings.allSatisfy({ $0 == ParquetEncoding.runLength.rawValue }) else {
        throw Failure(.badData, "\(name): levels in another encoding than RLE are not supported")
      }
      guard let count = Self.length(page, at: offset) else { throw damaged("the levels of a page are cut off") }
      offset += 4 + count
    }
    var start = 0
    repetitions = levels(page, &start, node.repetitionLevel)
    definitions = levels(page, &start, node.definitionLevel)
    try readValues(header, page, from: offset)
  }

  /// The length that stands before levels; nil when so many bytes do not follow.
  private static func length(_ page: [UInt8], at offset: Int) -> Int? {
    guard offset <= page.count - 4 else { return nil }
    let count = (0..<4).reduce(0) { $0 | Int(page[offset + $1]) << (8 * $1) }
    return count <= page.count - offset - 4 ? count : nil
  }

  private func levels(_ page: [UInt8], _ start: inout Int, _ level: Int) -> HybridDecoder {
    guard level > 0, let count = Self.length(page, at: start) else { return HybridDecoder([], 0..<0, bitWidth: 0) }
    defer { start += 4 + count }
    return HybridDecoder(page, start + 4..<start + 4 + count, bitWidth: Self.bits(level))
  }

  private mutating func readDataV2(_ header: ParquetPageHeader, _ bytes: [UInt8]) throws(Failure) {
    try begin(header)
    let (repetitionEnd, definitions) = (header.repetitionBytes, header.definitionBytes)
    guard repetitionEnd >= 0, definitions >= 0, repetitionEnd <= bytes.count,
      definitions <= bytes.count - repetitionEnd, repetitionEnd + definitions <= header.uncompressedSize
    else { throw damaged("the levels of a page are cut off") }
    let levelEnd = repetitionEnd + definitions
    repetitions = HybridDecoder(bytes, 0..<repetitionEnd, bitWidth: Self.bits(node.repetitionLevel))
    self.definitions = HybridDecoder(bytes, repetitionEnd..<levelEnd, bitWidth: Self.bits(node.definitionLevel))
    let stored = Array(bytes[levelEnd...])
    let page =
      header.isCompressed && !stored.isEmpty ? try expanded(stored, header.uncompressedSize - levelEnd) : stored
    try readValues(header, page, from: 0)
  }

  private mutating func readValues(
    _ header: ParquetPageHeader, _ page: [UInt8], from offset: Int
  ) throws(Failure) {
    switch try ParquetEncoding(header.encoding, column: name) {
    case .plain: values = .plain(PlainDecoder(page, from: offset, type, column: name))
    case .dictionary, .plainDictionary:
      guard offset < page.count else {  // nothing but nulls
        values = nil
        return
      }
      guard page[offset] <= 32 else { throw damaged("indices of \(page[offset]) bits") }
      values = .dictionary(HybridDecoder(page, offset + 1..<page.count, bitWidth: Int(page[offset])))
    case .runLength:
      guard type.physical == 0, let count = Self.length(page, at: offset) else {
        throw damaged("the encoding RLE is for booleans only")
      }
      values = .booleans(HybridDecoder(page, offset + 4..<offset + 4 + count, bitWidth: 1))
    }
  }

  /// Bits that levels up to `level` take.
  private static func bits(_ level: Int) -> Int { Int.bitWidth - level.leadingZeroBitCount }
}

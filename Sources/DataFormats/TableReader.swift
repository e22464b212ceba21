import Failures
import JSON

/// Reads separated values (RFC 4180): a header, then records whose fields may stand in quotes, with quotes doubled
/// and line breaks in them. Lines end with LF or CR LF; a quote inside an unquoted field stands for itself.
struct TableReader {
  private enum State { case fieldStart, unquoted, quoted, quoteInQuoted }

  private let stream: ByteStream
  private let separator: UInt8
  private var state = State.fieldStart
  /// The fields of the record so far, one after another, and where each ends.
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  private var (line, column) = (1, 0)
  private var recordLine = 1
  /// Where the quote is that opened the field.
  private var quote = (line: 1, column: 1)
  private var header: TableHeader?

  init(_ stream: ByteStream, separator: UInt8) { (self.stream, self.separator) = (stream, separator) }

  /// Reads all records below the header in order.
  consuming func forEachRow(_ body: (RawRow) throws(Failure) -> Void) throws(Failure) {
    var reader = self
    while let piece = try reader.stream.next() {
      for byte in piece {
        if try reader.endsRecord(byte), let row = try reader.endRecord() { try body(row) }
      }
      try reader.stream.checkLength(reader.bytes.count)
    }
    guard reader.state != .quoted else {
      throw reader.failure("the field's quote is never closed", at: reader.quote)
    }
    if reader.column > 0, let row = try reader.endRecord() { try body(row) }
  }

  /// Takes the next byte.
  private mutating func endsRecord(_ byte: UInt8) throws(Failure) -> Bool {
    column += byte & 0xC0 == 0x80 ? 0 : 1
    switch (state, byte) {
    case (.quoted, UInt8(ascii: "\"")): state = .quoteInQuoted
    case (.quoted, UInt8(ascii: "\n")):
      bytes.append(byte)
      (line, column) = (line + 1, 0)
    case (.quoted, _): bytes.append(byte)
    case (.quoteInQuoted, UInt8(ascii: "\"")):
      bytes.append(byte)
      state = .quoted
    case (_, separator): endField()
    case (_, UInt8(ascii: "\n")): return true
    case (_, UInt8(ascii: "\r")) where state != .unquoted: break  // of a CR LF
    case (.quoteInQuoted, _):
      throw failure("a field goes on after its closing quote", at: (line, column))
    case (.fieldStart, UInt8(ascii: "\"")):
      state = .quoted
      quote = (line, column)
    default:
      bytes.append(byte)
      state = .unquoted
    }
    return false
  }

  private mutating func endField() {
    ends.append(bytes.count)
    state = .fieldStart
  }

  /// - Returns: nil for an empty line and for the header.
  private mutating func endRecord() throws(Failure) -> RawRow? {
    if state == .unquoted, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    let isEmpty = ends.isEmpty && bytes.isEmpty && state == .fieldStart
    endField()
    defer {
      bytes.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
      (line, column) = (line + 1, 0)
      recordLine = line
    }
    if isEmpty { return nil }
    let place = (line: recordLine, column: 1)
    guard let header else {
      let names = try TableFields(bytes: bytes, ends: ends, header: TableHeader(names: []))
        .strings(place: "\(stream.name):\(recordLine)")
      if let twice = names.enumerated().first(where: { names[..<$0].contains($1) }) {
        throw failure("the column '\(twice.element)' appears twice in the header", at: place)
      }
      header = TableHeader(names: names)
      return nil
    }
    guard ends.count == header.names.count else {
      throw failure(
        "expected \(header.names.count) fields, as the header has, found \(ends.count)", at: place)
    }
    let fields = TableFields(bytes: bytes, ends: ends, header: header)
    return RawRow(content: .fields(fields), file: stream.name, number: recordLine)
  }

  private func failure(_ message: String, at place: (line: Int, column: Int)) -> Failure {
    Failure(
      .badData, "\(stream.name):\(place.line):\(place.column): \(message)",
      hint: "fields with separators, quotes or line breaks stand in double quotes, quotes in them doubled")
  }
}

/// The names of a table's columns.
final class TableHeader: Sendable {
  let names: [String]

  init(names: [String]) { self.names = names }
}

/// The fields of one record.
struct TableFields: Sendable {
  /// All fields, one after another.
  let bytes: [UInt8]
  /// Where each ends.
  let ends: [Int]
  let header: TableHeader

  /// The record as an object of strings.
  func object(place: String) throws(Failure) -> JSON {
    let values = try strings(place: place).map { JSON.string($0) }
    return .object(JSONObject(uniqueMembers: zip(header.names, values).map { (key: $0, value: $1) }))
  }

  func strings(place: String) throws(Failure) -> [String] {
    var strings: [String] = []
    var start = 0
    for end in ends {
      guard let string = String(validating: bytes[start..<end], as: UTF8.self) else {
        throw Failure(
          .badData, "\(place): field \(strings.count + 1) is not valid UTF-8", hint: "convert the file to UTF-8")
      }
      strings.append(string)
      start = end
    }
    return strings
  }
}

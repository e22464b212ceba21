import Failures
import JSON

/// Cuts a JSON array into the texts of its elements, without reading what is in them.
struct JSONArrayReader {
  private enum State { case start, first, element, comma, end }

  private let stream: ByteStream
  private var state = State.start
  private var element: [UInt8] = []
  private var origin = JSONDocument.Origin()
  private var count = 0
  /// How deep in the element the next byte is, and whether it belongs to a string.
  private var (depth, inString, isEscaped) = (0, false, false)
  private var (line, column) = (1, 1)

  init(_ stream: ByteStream) { self.stream = stream }

  mutating func next(_ byte: UInt8) throws(Failure) -> RawRow? {
    defer {
      if byte == UInt8(ascii: "\n") { (line, column) = (line + 1, 1) } else if byte & 0xC0 != 0x80 { column += 1 }
    }
    if state == .element { return try continueElement(byte) }
    if DataFormat.isSpace(byte) { return nil }
    switch (state, byte) {
    case (.start, UInt8(ascii: "[")): state = .first
    case (.first, UInt8(ascii: "]")): state = .end
    case (.start, _), (.end, _): throw failure("text after the end of the JSON value")
    default:
      origin = JSONDocument.Origin(line: line, column: column, path: [.index(count)])
      state = .element
      return try continueElement(byte)
    }
    return nil
  }

  /// - Returns: the element when the byte ends it.
  private mutating func continueElement(_ byte: UInt8) throws(Failure) -> RawRow? {
    if inString {
      inString = isEscaped || byte != UInt8(ascii: "\"")
      isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
    } else {
      switch byte {
      case UInt8(ascii: ","), UInt8(ascii: "]"):
        if depth == 0 { return try endElement(byte) }
        if byte == UInt8(ascii: "]") { depth -= 1 }
      case UInt8(ascii: "\""): inString = true
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "}"): depth = max(0, depth - 1)
      default: break
      }
    }
    element.append(byte)
    return nil
  }

  private mutating func endElement(_ byte: UInt8) throws(Failure) -> RawRow {
    guard !element.isEmpty else { throw failure("expected a JSON value") }
    defer {
      element.removeAll(keepingCapacity: true)
      count += 1
      state = byte == UInt8(ascii: "]") ? .end : .comma
    }
    return RawRow(content: .json(element[...], origin), file: stream.name, number: count)
  }

  private func failure(_ message: String) -> Failure {
    Failure(
      .badData, "\(stream.name):\(line):\(column): not valid JSON: \(message)",
      hint: "the file may be damaged or incomplete")
  }

  /// Reads all elements in order.
  consuming func forEachElement(_ body: (RawRow) throws(Failure) -> Void) throws(Failure) {
    var reader = self
    while let piece = try reader.stream.next() {
      for byte in piece {
        if let row = try reader.next(byte) { try body(row) }
      }
      try reader.stream.checkLength(reader.element.count)
    }
    // An element without an end has a mistake in it, perhaps far from there.
    if reader.state == .element {
      _ = try JSONDocument(reader.element, source: reader.stream.name, origin: reader.origin)
    }
    guard reader.state == .end else { throw reader.failure("unexpected end of the text") }
  }
}

package import Failures

/// A parsed JSON text that remembers where it came from, so that an error about a value can say where it stands.
package struct JSONDocument: Sendable {
  /// The file's path or another name for the text, as errors print it.
  package let source: String
  package let root: JSON
  /// Where in `source` the text stands.
  private let origin: Origin
  /// Empty for a value that was never text.
  private let bytes: [UInt8]

  /// Where a text begins that is a part of its source: a row of a JSON Lines file, an element of a long array.
  package struct Origin: Sendable {
    /// Counted from 1.
    package var line: Int
    /// In characters, counted from 1.
    package var column: Int
    /// The path of the text's root from the root of the source.
    package var path: [JSONPathStep]

    package init(line: Int = 1, column: Int = 1, path: [JSONPathStep] = []) {
      (self.line, self.column, self.path) = (line, column, path)
    }
  }

  /// - Throws: `Failure.badData` naming source, line and column.
  package init(_ bytes: [UInt8], source: String, origin: Origin = Origin()) throws(Failure) {
    self.source = source
    self.bytes = bytes
    self.origin = origin
    var parser = JSONParser(bytes)
    do {
      root = try parser.parseDocument()
    } catch {
      let (line, column) = Self.place(of: error.offset, in: bytes, from: origin)
      throw Failure(.badData, "\(source):\(line):\(column): not valid JSON: \(error.message)")
    }
  }

  /// A value that no JSON text stands for, such as a row of a table. Errors about it name the source alone.
  package init(_ value: JSON, source: String) {
    (root, self.source, origin, bytes) = (value, source, Origin(), [])
  }

  package init(_ text: String, source: String) throws(Failure) {
    try self.init(Array(text.utf8), source: source)
  }

  /// A cursor at the root, for reading values with checked types.
  package var cursor: JSONCursor { JSONCursor(document: self, path: origin.path, value: root) }

  /// Line and column (in characters) of a byte offset, both counted from 1.
  private static func place(of offset: Int, in bytes: [UInt8], from origin: Origin) -> (line: Int, column: Int) {
    let before = bytes.prefix(offset)
    let lineBreaks = before.count { $0 == UInt8(ascii: "\n") }
    let lineStart = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    let characters = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count
    return (origin.line + lineBreaks, characters + (lineBreaks == 0 ? origin.column : 1))
  }

  /// Line and column of the value at a path, nil for a value that was never text.
  package func position(of path: [JSONPathStep]) -> (line: Int, column: Int)? {
    offset(of: path).map { Self.place(of: $0, in: bytes, from: origin) }
  }

  /// The number at a path with the digits that were written, nil for one that was never text.
  package func numeral(at path: [JSONPathStep]) -> String? {
    offset(of: path).map { String(decoding: bytes[$0...].prefix { "+-.0123456789eE".utf8.contains($0) }, as: UTF8.self) }
  }

  /// Where the value at a path begins. The text is read again: few ask.
  private func offset(of path: [JSONPathStep]) -> Int? {
    guard !bytes.isEmpty else { return nil }
    var locator = JSONParser(bytes)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { locator.skip(bytes: 3) }
    return (try? locator.locate(path.dropFirst(origin.path.count))) ?? 0
  }
}

/// One step down into a JSON value.
package enum JSONPathStep: Sendable, Equatable {
  case key(String)
  case index(Int)
}

extension [JSONPathStep] {
  /// The path as a JSON pointer (RFC 6901): `/model/merges/3`.
  package var pointer: String {
    map { step in
      switch step {
      case .key(let key):
        "/"
          + key.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
          .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
      case .index(let index): "/\(index)"
      }
    }.joined()
  }
}

extension JSONParser {
  mutating func skip(bytes count: Int) {
    for _ in 0..<count { advance() }
  }

  /// The byte offset at which the value at `path` starts, in a text that is known to be valid.
  mutating func locate(_ path: ArraySlice<JSONPathStep>) throws(SyntaxError) -> Int {
    let opening = try peek()
    guard let step = path.first else { return offset }
    advance()
    var position = 0
    while true {
      if [UInt8(ascii: "}"), UInt8(ascii: "]")].contains(try peek()) { return offset }
      var matches = false
      if opening == UInt8(ascii: "{") {
        let key = try parseValue().stringValue ?? ""
        _ = try peek()
        advance()  // the colon
        if case .key(let wanted) = step { matches = key.utf8.elementsEqual(wanted.utf8) }
      } else if case .index(let wanted) = step {
        matches = position == wanted
      }
      if matches { return try locate(path.dropFirst()) }
      _ = try parseValue()
      if try peek() == UInt8(ascii: ",") { advance() }
      position += 1
    }
  }
}

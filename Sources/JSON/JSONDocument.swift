package import Failures

/// A parsed JSON text that remembers where it came from, so that an error about a value can say where it stands.
package struct JSONDocument: Sendable {
  /// The file's path or another name for the text, as errors print it.
  package let source: String
  package let root: JSON
  /// The line of `source` on which the text begins, counted from 1 (a row of a JSON Lines file).
  private let firstLine: Int
  private let bytes: [UInt8]

  /// - Throws: `Failure.badData` naming source, line and column.
  package init(_ bytes: [UInt8], source: String, firstLine: Int = 1) throws(Failure) {
    self.source = source
    self.bytes = bytes
    self.firstLine = firstLine
    var parser = JSONParser(bytes)
    do {
      root = try parser.parseDocument()
    } catch {
      let (line, column) = Self.place(of: error.offset, in: bytes)
      throw Failure(.badData, "\(source):\(line + firstLine - 1):\(column): not valid JSON: \(error.message)")
    }
  }

  package init(_ text: String, source: String) throws(Failure) {
    try self.init(Array(text.utf8), source: source)
  }

  /// A cursor at the root, for reading values with checked types.
  package var cursor: JSONCursor { JSONCursor(document: self, path: [], value: root) }

  /// Line and column (in characters) of a byte offset, both counted from 1.
  private static func place(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
    let before = bytes.prefix(offset)
    let lineStart = (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    return (line, String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1)
  }

  /// Line and column of the value at a path. The text is read again: only errors ask.
  package func position(of path: [JSONPathStep]) -> (line: Int, column: Int) {
    var locator = JSONParser(bytes)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { locator.skip(bytes: 3) }
    let offset = (try? locator.locate(path[...])) ?? 0
    let (line, column) = Self.place(of: offset, in: bytes)
    return (line + firstLine - 1, column)
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

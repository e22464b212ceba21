package import Failures
package import JSON

/// One row as it lies in its file. Making one is cheap; `parsed` does the work, on whatever thread has time for it.
package struct RawRow: Sendable {
  enum Content: Sendable {
    case json(ArraySlice<UInt8>, JSONDocument.Origin)
    case fields(TableFields)
    case value(JSON)
    case text(ArraySlice<UInt8>)
  }

  /// A row as its reader takes it.
  package enum Parsed {
    /// A document of a plain text, in UTF-8.
    case text([UInt8])
    case object(JSONCursor)
  }

  let content: Content
  /// The file's path, and the name within an archive.
  let file: String
  /// The line on which the row begins, or of an array or a Parquet file its position, counted from 0.
  let number: Int

  /// Where the row stands, as errors name it: `data.jsonl:7`, `data.json: /6`, `data.parquet: row 7`.
  package var place: String {
    switch content {
    case .json(_, let origin) where !origin.path.isEmpty: "\(file): \(origin.path.pointer)"
    case .json, .fields, .text: "\(file):\(number)"
    case .value: "\(file): row \(number + 1)"
    }
  }

  /// About how much memory the row takes.
  package var byteCount: Int {
    switch content {
    case .json(let bytes, _), .text(let bytes): bytes.count
    case .fields(let fields): fields.bytes.count
    case .value(let value): Self.size(of: value)
    }
  }

  private static func size(of value: JSON) -> Int {
    switch value {
    case .string(let string): 16 + string.utf8.count
    case .array(let elements): elements.reduce(16) { $0 + size(of: $1) }
    case .object(let object): object.members.reduce(16) { $0 + 16 + size(of: $1.value) }
    default: 16
    }
  }

  /// - Throws: `Failure.badData` naming the place of what is not as the format demands.
  package func parsed() throws(Failure) -> Parsed {
    switch content {
    case .json(let bytes, let origin):
      return .object(try document(Array(bytes), origin).cursor)
    case .fields(let fields):
      return .object(JSONDocument(try fields.object(place: place), source: place).cursor)
    case .value(let value):
      return .object(JSONDocument(value, source: place).cursor)
    case .text(let bytes):
      let text = Array(bytes)
      guard (try? UTF8Span(validating: text.span)) != nil else { throw notText(text) }
      return .text(text)
    }
  }

  private func document(_ bytes: [UInt8], _ origin: JSONDocument.Origin) throws(Failure) -> JSONDocument {
    do {
      return try JSONDocument(bytes, source: file, origin: origin)
    } catch where origin.path.isEmpty {
      throw Failure(
        .badData, error.message, hint: "JSON Lines hold one row a line; a JSON file of rows starts with '['")
    }
  }

  private func notText(_ bytes: [UInt8]) -> Failure {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let index = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
    return Failure(
      .badData, "\(file):\(number + index): the text is not valid UTF-8", hint: "convert the file to UTF-8")
  }
}

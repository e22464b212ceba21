import Checkpoint
import Failures
import JSON
import Tokenizer

/// A file of rows: JSON Lines, a JSON array of rows, or plain text.
struct DataFile {
  enum Format { case lines, array, text }

  let path: String
  let format: Format
  private let file: MappedFile

  /// What the names of files in formats that are not read end with.
  private static let unsupported = [
    ".csv", ".tsv", ".parquet", ".arrow", ".gz", ".zst", ".xz", ".bz2", ".zip", ".tar",
  ]

  /// Opens a file and finds its format: by its name when that says it, else by how it begins.
  ///
  /// - Throws: `Failure.missingInput`; `Failure.badData` for an empty file or a format that is not read.
  init(_ path: String) throws(Failure) {
    self.path = path
    let name = path.lowercased()
    if let ending = Self.unsupported.first(where: name.hasSuffix) {
      throw Failure(
        .badData, "\(path): files of the kind '\(ending)' are not supported",
        hint: "convert it to JSON Lines, a JSON array or plain text")
    }
    file = try MappedFile(path)
    guard let first = unsafe file.bytes.first(where: { !Self.isSpace($0) }) else {
      throw Failure(.badData, "\(path): the file is empty")
    }
    if [".txt", ".text", ".md"].contains(where: name.hasSuffix) {
      format = .text
    } else if [".jsonl", ".ndjson"].contains(where: name.hasSuffix) {
      format = .lines
    } else if first == UInt8(ascii: "[") {
      format = .array
    } else {
      format = first == UInt8(ascii: "{") || name.hasSuffix(".json") ? .lines : .text
    }
  }

  /// White space as JSON has it, and what a byte order mark is made of.
  private static func isSpace(_ byte: UInt8) -> Bool {
    [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains(byte)
  }

  /// The size of the file.
  var byteCount: Int { file.count }

  /// Reads all rows in order.
  ///
  /// - Parameters:
  ///   - vocabularySize: token ids must be below it.
  ///   - separator: what stands between documents of a plain text.
  ///   - body: gets each row and the bytes read so far.
  func forEachRow(
    vocabularySize: Int, separator: String?, _ body: (SourceRow, Int) throws(Failure) -> Void
  ) throws(Failure) {
    switch format {
    case .lines: try forEachLine(vocabularySize, body)
    case .array: try forEachElement(vocabularySize, body)
    case .text: try forEachDocument(separator, body)
    }
  }

  private func forEachLine(
    _ vocabularySize: Int, _ body: (SourceRow, Int) throws(Failure) -> Void
  ) throws(Failure) {
    var reader = LineReader(file)
    while let line = reader.next() {
      guard line.contains(where: { !Self.isSpace($0) }) else { continue }
      let document: JSONDocument
      do {
        document = try JSONDocument(line, source: path, firstLine: reader.number)
      } catch {
        throw Failure(
          .badData, error.message, hint: "JSON Lines hold one row a line; a JSON file of rows starts with '['"
        )
      }
      let place = "\(path):\(reader.number)"
      let row = try SourceRow(document.cursor, place: place, vocabularySize: vocabularySize)
      try body(row, min(reader.offset, file.count))
    }
  }

  private func forEachElement(
    _ vocabularySize: Int, _ body: (SourceRow, Int) throws(Failure) -> Void
  ) throws(Failure) {
    let rows = try JSONDocument(file.contents, source: path).cursor.elements()
    for (index, cursor) in rows.enumerated() {
      let row = try SourceRow(cursor, place: "\(path): /\(index)", vocabularySize: vocabularySize)
      try body(row, file.count / rows.count * (index + 1))
    }
  }

  private func forEachDocument(
    _ separator: String?, _ body: (SourceRow, Int) throws(Failure) -> Void
  ) throws(Failure) {
    try checkEncoding()
    let bytes = file.contents
    let separator = Array((separator ?? "").utf8)
    var (start, line) = (bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0, 1)
    while start < bytes.count {
      let end = Self.firstIndex(of: separator, in: bytes, from: start) ?? bytes.count
      let leading = bytes[start..<end].prefix(while: Self.isBlank)
      let document = bytes[start + leading.count..<end]
      let lineBreaks = { (part: ArraySlice<UInt8>) in part.count { $0 == UInt8(ascii: "\n") } }
      line += lineBreaks(leading)
      if !document.isEmpty {
        let trailing = document.reversed().prefix(while: Self.isBlank).count
        let text = String(decoding: document.dropLast(trailing), as: UTF8.self)
        try body(SourceRow(text: text, place: "\(path):\(line)"), end)
      }
      let next = min(end + separator.count, bytes.count)
      line += lineBreaks(document) + lineBreaks(bytes[end..<next])
      start = next
    }
  }

  /// White space of ASCII, which documents are stripped of.
  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func firstIndex(of separator: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard let first = separator.first else { return nil }
    var index = start
    while index + separator.count <= bytes.count {
      if bytes[index] == first, bytes[index..<index + separator.count].elementsEqual(separator) {
        return index
      }
      index += 1
    }
    return nil
  }

  /// - Throws: `Failure.badData` naming the first line that is not UTF-8.
  private func checkEncoding() throws(Failure) {
    var reader = LineReader(file)
    while let line = reader.next() {
      guard String(validating: line, as: UTF8.self) != nil else {
        throw Failure(
          .badData, "\(path):\(reader.number): the text is not valid UTF-8", hint: "convert the file to UTF-8"
        )
      }
    }
  }
}

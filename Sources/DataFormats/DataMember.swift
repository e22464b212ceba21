package import Failures
import JSON

/// Rows that belong together: a plain file, what a compressed one expands to, or a file in an archive.
package struct DataMember {
  enum Content {
    case stream(ByteStream)
    case table(RandomAccessFile)
  }

  /// What errors call it: the file's path, and the name within an archive.
  package let name: String
  /// The path without the endings that name a compression; within an archive the entry's.
  package let path: String
  /// How much of the file on the disk has been read.
  package let bytesRead: () -> Int
  private let content: Content

  init(name: String, path: String, bytesRead: @escaping () -> Int, _ content: Content) {
    (self.name, self.path, self.bytesRead, self.content) = (name, path, bytesRead, content)
  }

  /// What a reader must know besides the bytes.
  package struct Options: Sendable {
    /// What stands between the documents of a plain text; nil when it is all one document.
    package var textSeparator: String?
    /// The columns that rows are made of. No other is read where leaving one out saves work.
    package var columns: [String]

    package init(textSeparator: String? = nil, columns: [String]) {
      (self.textSeparator, self.columns) = (textSeparator, columns)
    }
  }

  /// Reads all rows in order. A member can be read once.
  ///
  /// - Returns: whether the rows are documents of a plain text.
  /// - Throws: `Failure.badData` naming the place of what cannot be a row, and what `body` throws.
  @discardableResult
  package func forEachRow(
    _ options: Options, _ body: (RawRow) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    switch content {
    case .table(let file):
      try ParquetFile(file).forEachRow(columns: options.columns, body)
      return false
    case .stream(let stream):
      let format = try format(of: stream, options.columns)
      if try stream.peek(3).elementsEqual([0xEF, 0xBB, 0xBF]) { stream.skip(3) }
      switch format {
      case .lines: try forEachLine(of: stream, body)
      case .array: try JSONArrayReader(stream).forEachElement(body)
      case .table(let separator): try TableReader(stream, separator: separator).forEachRow(body)
      case .text: try forEachDocument(of: stream, options.textSeparator, body)
      }
      return format == .text
    }
  }

  /// Bytes by which the format is told.
  private static let beginning = 1 << 16

  private func format(of stream: ByteStream, _ columns: [String]) throws(Failure) -> DataFormat {
    let beginning = try stream.peek(Self.beginning)
    if beginning.starts(with: [0xFF, 0xFE]) || beginning.starts(with: [0xFE, 0xFF]) {
      throw Failure(.badData, "\(name): the text is UTF-16", hint: "convert the file to UTF-8")
    }
    guard beginning.count == Self.beginning || !beginning.allSatisfy(DataFormat.isSpace) else {
      throw DataFile.empty(name)
    }
    let format = DataFormat(beginning: beginning, name: path, columns: columns)
    let (feed, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    if format.hasLines, !beginning.contains(feed), beginning.dropLast().contains(carriageReturn) {
      throw Failure(
        .badData, "\(name): its lines end with carriage returns alone", hint: "convert it: tr '\\r' '\\n' < OLD > NEW")
    }
    return format
  }

  private func forEachLine(
    of stream: ByteStream, _ body: (RawRow) throws(Failure) -> Void
  ) throws(Failure) {
    var number = 0
    while let line = try stream.next(upTo: [UInt8(ascii: "\n")]) {
      number += 1
      guard !line.allSatisfy(DataFormat.isSpace) else { continue }
      try body(RawRow(content: .json(line, .init(line: number)), file: name, number: number))
    }
  }

  private func forEachDocument(
    of stream: ByteStream, _ separator: String?, _ body: (RawRow) throws(Failure) -> Void
  ) throws(Failure) {
    let separator = Array((separator ?? "").utf8)
    let separatorBreaks = Self.lineBreaks(in: separator[...])
    var line = 1
    while let part = separator.isEmpty ? try stream.rest()?[...] : try stream.next(upTo: separator) {
      try checkText(part, from: line)
      if let first = part.firstIndex(where: { !Self.isBlank($0) }), let last = part.lastIndex(where: { !Self.isBlank($0) }) {
        let number = line + Self.lineBreaks(in: part[..<first])
        try body(RawRow(content: .text(part[first...last]), file: name, number: number))
      }
      line += Self.lineBreaks(in: part) + separatorBreaks
    }
  }

  /// - Parameter line: on which the text begins.
  private func checkText(_ text: ArraySlice<UInt8>, from line: Int) throws(Failure) {
    guard let before = unsafe text.withUnsafeBytes({ unsafe $0.offset(of: 0) }) else { return }
    throw Failure(
      .badData, "\(name):\(line + Self.lineBreaks(in: text.prefix(before))): a zero byte, which no text has",
      hint: "the file may be damaged, or of a kind that is not read")
  }

  private static func lineBreaks(in bytes: ArraySlice<UInt8>) -> Int {
    unsafe bytes.withUnsafeBytes { bytes in
      var (count, rest) = unsafe (0, UnsafeRawBufferPointer(rebasing: bytes[...]))
      while let hit = unsafe rest.offset(of: UInt8(ascii: "\n")) {
        count += 1
        unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(hit + 1))
      }
      return count
    }
  }

  /// White space of ASCII, which documents are stripped of.
  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

/// How rows are written in a file that is read from front to back.
package enum DataFormat: Equatable, Sendable {
  /// JSON Lines: one object a line.
  case lines
  /// A JSON array of objects.
  case array
  /// Comma-separated values or their like (RFC 4180), under a header.
  case table(separator: UInt8)
  /// Plain text: one document, or several with a separator between them.
  case text
}

extension DataFormat {
  /// What separates the columns of tables; the first is the most likely.
  private static let separators = Array(",\t;".utf8)

  /// Finds the format by how the bytes begin; the name counts where they could be more than one thing.
  ///
  /// - Parameters:
  ///   - beginning: as much of the file as is easily had.
  ///   - columns: what rows are made of: a table without a telling name has one of them in its header.
  init(beginning: ArraySlice<UInt8>, name: String, columns: [String]) {
    let name = name.lowercased()
    let named = { (endings: [String]) in endings.contains(where: name.hasSuffix) }
    let content = beginning.drop(while: Self.isSpace)
    let inner = content.dropFirst().drop(while: Self.isSpace).first
    let header = Self.header(of: content)
    if named([".txt", ".text", ".md"]) {
      self = .text
    } else if content.first == UInt8(ascii: "{"), [UInt8(ascii: "\""), UInt8(ascii: "}"), nil].contains(inner) {
      self = .lines
    } else if named([".csv", ".tsv"]) {
      self = .table(separator: header.separator)
    } else if named([".jsonl", ".ndjson"]) {
      self = .lines
    } else if content.first == UInt8(ascii: "[") {
      self = .array
    } else if content.first == UInt8(ascii: "{") || named([".json"]) {
      self = .lines
    } else if header.names.count > 1, columns.contains(where: header.names.contains) {
      self = .table(separator: header.separator)
    } else {
      self = .text
    }
  }

  /// Whether rows are told by line breaks.
  var hasLines: Bool {
    switch self {
    case .lines, .table: true
    case .array, .text: false
    }
  }

  /// White space as JSON has it, and what a byte order mark is made of.
  static func isSpace(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF: true
    default: false
    }
  }

  /// The first line as the header of a table: the separator that makes the most columns of it, and their names.
  private static func header(of content: ArraySlice<UInt8>) -> (separator: UInt8, names: [String]) {
    let line = content.prefix { $0 != 0x0A && $0 != 0x0D }
    let counts = separators.map { separator in line.count { $0 == separator } }
    let separator = separators[counts.firstIndex(of: counts.max() ?? 0) ?? 0]
    let names = line.split(separator: separator, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self).filter { $0 != "\"" }
    }
    return (separator, names)
  }
}

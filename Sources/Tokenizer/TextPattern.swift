import Failures
import JSON
import RegularExpressions

/// What a normalizer, pre-tokenizer or decoder looks for in a text.
enum TextPattern: Sendable {
  case literal([UInt8])
  case expression(RegularExpression)
  /// Every single character with a numeric value (general category N).
  case number

  /// Reads `{"String": …}` or `{"Regex": …}`.
  init(_ cursor: JSONCursor) throws(Failure) {
    try cursor.allowOnly(["String", "Regex"])
    if let literal = try cursor.optional("String") {
      let bytes = Array(try literal.string().utf8)
      guard !bytes.isEmpty else { throw literal.failure("the pattern is empty") }
      self = .literal(bytes)
    } else {
      let regex = try cursor.field("Regex")
      do {
        self = .expression(try Self.compile(regex.string()))
      } catch {
        throw regex.failure(error.message, hint: error.hint)
      }
    }
  }

  /// Compiles a regular expression in Oniguruma's syntax.
  static func compile(_ pattern: String) throws(Failure) -> RegularExpression {
    let translated: String
    do {
      translated = try OnigurumaPattern.translated(pattern)
    } catch {
      throw Failure(
        .badData, "the regular expression '\(pattern)' uses \(error.what), which is not supported")
    }
    return try RegularExpression(translated)
  }

  /// The matches from left to right as byte ranges of `text`; they do not overlap.
  func matches(in text: Span<UInt8>) throws(Failure) -> [Range<Int>] {
    switch self {
    case .literal(let bytes): Self.occurrences(of: bytes, in: text)
    case .expression(let expression): try expression.ranges(in: text)
    case .number: Self.numbers(in: text)
    }
  }

  private static func occurrences(of bytes: [UInt8], in text: Span<UInt8>) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var index = 0
    while index + bytes.count <= text.count {
      if text.has(bytes, at: index) {
        ranges.append(index..<index + bytes.count)
        index += bytes.count
      } else {
        index += 1
      }
    }
    return ranges
  }

  private static func numbers(in text: Span<UInt8>) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var index = 0
    while index < text.count {
      let (scalar, length) = text.scalar(at: index)
      if [.decimalNumber, .letterNumber, .otherNumber].contains(scalar.properties.generalCategory) {
        ranges.append(index..<index + length)
      }
      index += length
    }
    return ranges
  }
}

/// Reads JSON text (RFC 8259) strictly: UTF-8, one value, unique keys, no trailing text.
struct JSONParser {
  /// Deeper nesting than any honest file has; keeps hostile input off the stack's end.
  static let maximumDepth = 256

  let bytes: [UInt8]
  private(set) var offset = 0
  private var depth = 0

  /// What is wrong, and the byte offset at which.
  struct SyntaxError: Error { let message: String; let offset: Int }

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func parseDocument() throws(SyntaxError) -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }  // a byte order mark, as Windows editors write
    let value = try parseValue()
    skipSpace()
    if offset < bytes.count { throw error("text after the end of the JSON value") }
    return value
  }

  func error(_ message: String, at place: Int? = nil) -> SyntaxError {
    SyntaxError(message: message, offset: place ?? offset)
  }

  mutating func advance() { offset += 1 }

  mutating func skipSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  /// The next byte that is no white space, not consumed.
  mutating func peek() throws(SyntaxError) -> UInt8 {
    skipSpace()
    guard offset < bytes.count else { throw error("unexpected end of the text") }
    return bytes[offset]
  }

  mutating func parseValue() throws(SyntaxError) -> JSON {
    switch try peek() {
    case UInt8(ascii: "{"):
      return .object(try nested { parser throws(SyntaxError) in try parser.parseObject() })
    case UInt8(ascii: "["):
      return .array(try nested { parser throws(SyntaxError) in try parser.parseArray() })
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): try expect("true"); return .bool(true)
    case UInt8(ascii: "f"): try expect("false"); return .bool(false)
    case UInt8(ascii: "n"): try expect("null"); return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw error("expected a JSON value")
    }
  }

  private mutating func nested<T>(
    _ body: (inout JSONParser) throws(SyntaxError) -> T
  ) throws(SyntaxError) -> T {
    guard depth < Self.maximumDepth else {
      throw error("nested more than \(Self.maximumDepth) levels deep")
    }
    depth += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func expect(_ word: StaticString) throws(SyntaxError) {
    let word = Array("\(word)".utf8)
    guard bytes[offset...].starts(with: word) else { throw error("expected a JSON value") }
    offset += word.count
  }

  private mutating func parseArray() throws(SyntaxError) -> [JSON] {
    offset += 1
    var elements: [JSON] = []
    if try peek() == UInt8(ascii: "]") { offset += 1; return elements }
    while true {
      elements.append(try parseValue())
      switch try peek() {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "]"): offset += 1; return elements
      default: throw error("expected ',' or ']'")
      }
    }
  }

  private mutating func parseObject() throws(SyntaxError) -> JSONObject {
    offset += 1
    var members: [(key: String, value: JSON)] = []
    var seen = KeySet()
    if try peek() == UInt8(ascii: "}") { offset += 1; return JSONObject() }
    while true {
      guard try peek() == UInt8(ascii: "\"") else { throw error("expected a string as the key") }
      let start = offset
      let key = try parseString()
      guard seen.insert(key, after: members) else {
        throw error("the key '\(key)' appears twice", at: start)
      }
      guard try peek() == UInt8(ascii: ":") else { throw error("expected ':' after the key") }
      offset += 1
      members.append((key, try parseValue()))
      switch try peek() {
      case UInt8(ascii: ","): offset += 1
      case UInt8(ascii: "}"): offset += 1; return JSONObject(uniqueMembers: members)
      default: throw error("expected ',' or '}'")
      }
    }
  }
}

/// The keys of an object. A few are compared one by one; sets are for vocabularies.
private struct KeySet {
  private static let few = 16
  private var keys = Set<ByteString>()

  /// - Parameter members: all that came before.
  /// - Returns: false when one of them has the same key.
  mutating func insert(_ key: String, after members: [(key: String, value: JSON)]) -> Bool {
    if members.count < Self.few { return !members.contains { $0.key.utf8.elementsEqual(key.utf8) } }
    if members.count == Self.few { keys = Set(members.map { ByteString($0.key) }) }
    return keys.insert(ByteString(key)).inserted
  }
}

// MARK: - Numbers

extension JSONParser {
  private mutating func parseNumber() throws(SyntaxError) -> JSON {
    let start = offset
    var isInteger = true
    if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    let firstDigit = offset
    guard skipDigits() > 0 else { throw error("expected a digit") }
    if bytes[firstDigit] == UInt8(ascii: "0"), offset > firstDigit + 1 {
      throw error("a number must not start with 0", at: firstDigit)
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      guard skipDigits() > 0 else { throw error("expected a digit after the decimal point") }
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      offset += 1
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
        offset += 1
      }
      guard skipDigits() > 0 else { throw error("expected a digit in the exponent") }
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if isInteger, text != "-0", let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw error("the number \(text) is too large", at: start)
    }
    return .number(value)
  }

  private mutating func skipDigits() -> Int {
    let start = offset
    while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) {
      offset += 1
    }
    return offset - start
  }
}

// MARK: - Strings

extension JSONParser {
  private mutating func parseString() throws(SyntaxError) -> String {
    let start = offset
    offset += 1
    var runStart = offset
    var text: [UInt8]? = nil  // only strings with escapes are copied
    while true {
      offset = endOfPlainText()
      guard offset < bytes.count else { throw error("the string is not closed", at: start) }
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        let run = runStart..<offset
        offset += 1
        text?.append(contentsOf: bytes[run])
        guard let decoded = text.map({ Self.string($0.span) }) ?? Self.string(bytes.span.extracting(run)) else {
          throw error("the string is not valid UTF-8", at: start)
        }
        return decoded
      case UInt8(ascii: "\\"):
        // In place: a new array at each escape would make a hostile string take quadratic time.
        if text == nil { text = [] }
        text?.append(contentsOf: bytes[runStart..<offset])
        offset += 1
        text?.append(contentsOf: String(try parseEscape()).utf8)
        runStart = offset
      default:
        throw error("a control character inside a string must be escaped")
      }
    }
  }

  /// Where the next byte is that does not stand for itself in a string.
  private func endOfPlainText() -> Int {
    let span = bytes.span
    var end = offset
    while end + 8 <= span.count,
      unsafe !Self.hasOtherThanPlainText(span.bytes.unsafeLoadUnaligned(fromByteOffset: end, as: UInt64.self))
    {
      end += 8
    }
    while end < span.count, span[end] >= 0x20, span[end] != UInt8(ascii: "\""), span[end] != UInt8(ascii: "\\") { end += 1 }
    return end
  }

  /// Whether one of eight bytes is a control character, a quotation mark or a backslash: a byte is zero (or below 0x20) where
  /// taking 1 (or 0x20) away borrows and its own highest bit is not set.
  private static func hasOtherThanPlainText(_ eight: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    func below(_ limit: UInt64, _ bytes: UInt64) -> UInt64 { (bytes &- (limit &* ones)) & ~bytes & (0x80 &* ones) }
    let quotationMark = eight ^ (UInt64(UInt8(ascii: "\"")) &* ones), backslash = eight ^ (UInt64(UInt8(ascii: "\\")) &* ones)
    return below(0x20, eight) | below(1, quotationMark) | below(1, backslash) != 0
  }

  private static func string(_ bytes: Span<UInt8>) -> String? {
    guard let text = try? UTF8Span(validating: bytes) else { return nil }
    return String(copying: text)
  }

  private mutating func parseEscape() throws(SyntaxError) -> Unicode.Scalar {
    guard offset < bytes.count else { throw error("the string is not closed") }
    let letter = bytes[offset]
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try parseUnicodeEscape()
    default: throw error("unknown escape", at: offset - 1)
    }
  }

  private mutating func parseUnicodeEscape() throws(SyntaxError) -> Unicode.Scalar {
    let start = offset
    let unit = try parseHex4()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard (0xD800..<0xDC00).contains(unit), bytes[offset...].starts(with: Array("\\u".utf8)) else {
      throw error("half of a surrogate pair", at: start)
    }
    offset += 2
    let low = try parseHex4()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw error("half of a surrogate pair", at: start) }
    return scalar
  }

  private mutating func parseHex4() throws(SyntaxError) -> UInt32 {
    guard offset + 4 <= bytes.count, !"+-".utf8.contains(bytes[offset]),
      let value = UInt32(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw error("expected four hexadecimal digits") }
    offset += 4
    return value
  }
}

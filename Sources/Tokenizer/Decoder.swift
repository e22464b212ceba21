import Failures
import JSON

/// A step from the texts of tokens to one text: the `decoder` of a tokenizer.json.
indirect enum Decoder: Sendable {
  case byteLevel
  case byteFallback
  case fuse
  case metaspace(Metaspace)
  case replace([UInt8], by: [UInt8])
  /// Takes up to `start` and `stop` of one character off the ends of every token.
  case strip([UInt8], start: Int, stop: Int)
  case sequence([Decoder])

  init(_ cursor: JSONCursor) throws(Failure) {
    let type = try cursor.field("type")
    switch try type.string() {
    case "ByteLevel":
      try cursor.allowOnly(["type", "add_prefix_space", "trim_offsets", "use_regex"])
      self = .byteLevel
    case "ByteFallback": (self, _) = (.byteFallback, try cursor.allowOnly(["type"]))
    case "Fuse": (self, _) = (.fuse, try cursor.allowOnly(["type"]))
    case "Metaspace": self = .metaspace(try Metaspace(cursor))
    case "Replace":
      try cursor.allowOnly(["type", "pattern", "content"])
      let pattern = try cursor.field("pattern")
      guard case .literal(let bytes) = try TextPattern(pattern) else {
        throw pattern.failure("a regular expression in a decoder is not supported")
      }
      self = .replace(bytes, by: Array(try cursor.field("content").string().utf8))
    case "Strip": self = try Self.strip(cursor)
    case "Sequence":
      try cursor.allowOnly(["type", "decoders"])
      var steps: [Decoder] = []
      for step in try cursor.field("decoders").elements() { steps.append(try Decoder(step)) }
      self = .sequence(steps)
    case let name:
      throw type.failure(
        "the decoder '\(name)' is not supported",
        hint: "supported: ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip")
    }
  }

  private static func strip(_ cursor: JSONCursor) throws(Failure) -> Decoder {
    try cursor.allowOnly(["type", "content", "start", "stop"])
    let content = try cursor.field("content")
    guard try content.string().unicodeScalars.count == 1 else {
      throw content.failure("expected one character, found '\(try content.string())'")
    }
    return .strip(
      Array(try content.string().utf8), start: try cursor.field("start").integer(in: 0...Int(UInt32.max)),
      stop: try cursor.field("stop").integer(in: 0...Int(UInt32.max)))
  }

  /// - Parameter tokens: the texts of tokens, in UTF-8.
  func apply(to tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel: return [Self.valid(tokens.flatMap(ByteAlphabet.decoded))]
    case .byteFallback: return Self.joinBytes(tokens)
    case .fuse: return [tokens.flatMap { $0 }]
    case .metaspace(let metaspace):
      return tokens.enumerated().map { index, token in
        let dropsMark = index == 0 && metaspace.prepends != .never
        return Self.replace(metaspace.replacement, by: dropsMark ? [] : [UInt8(ascii: " ")], in: token)
      }
    case .replace(let pattern, let content):
      return tokens.map { Self.replace(pattern, by: content, in: $0) }
    case .strip(let content, let start, let stop):
      return tokens.map { Self.strip($0, content, start: start, stop: stop) }
    case .sequence(let steps):
      return steps.reduce(tokens) { $1.apply(to: $0) }
    }
  }

  /// The bytes with everything that is no UTF-8 replaced by U+FFFD.
  private static func valid(_ bytes: [UInt8]) -> [UInt8] {
    Array(String(decoding: bytes, as: UTF8.self).utf8)
  }

  /// Joins runs of byte tokens (`<0xE4>`): to their text, or to one U+FFFD each when that is no UTF-8.
  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var run: [UInt8] = []
    func flush() {
      guard !run.isEmpty else { return }
      let isValid = String(validating: run, as: UTF8.self) != nil
      result += isValid ? [run] : run.map { _ in Array("\u{FFFD}".utf8) }
      run.removeAll()
    }
    for token in tokens {
      if let byte = byte(token) {
        run.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  /// The byte that a token like `<0xE4>` names.
  static func byte(_ token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: Array("<0x".utf8)), token.last == UInt8(ascii: ">") else {
      return nil
    }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  private static func replace(_ pattern: [UInt8], by content: [UInt8], in token: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < token.count {
      if token.span.has(pattern, at: index) {
        result += content
        index += pattern.count
      } else {
        result.append(token[index])
        index += 1
      }
    }
    return result
  }

  private static func strip(_ token: [UInt8], _ content: [UInt8], start: Int, stop: Int) -> [UInt8] {
    var (lower, upper) = (0, token.count)
    var left = start
    while left > 0, lower < upper, token.span.has(content, at: lower) {
      (lower, left) = (lower + content.count, left - 1)
    }
    left = stop
    while left > 0, upper - content.count >= lower, token.span.has(content, at: upper - content.count) {
      (upper, left) = (upper - content.count, left - 1)
    }
    return Array(token[lower..<upper])
  }
}

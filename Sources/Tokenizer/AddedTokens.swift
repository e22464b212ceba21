import Failures
import JSON

/// A token that is found in the text as it stands, before the model sees it.
struct AddedToken: Sendable {
  let id: Int32
  let content: [UInt8]
  /// Whether it counts only where no word character stands next to it.
  let isSingleWord: Bool
  /// Whether it takes the white space before and after it.
  let stripsLeft: Bool
  let stripsRight: Bool
  /// Whether it is looked for in the normalized text and not in the text as it came.
  let isNormalized: Bool
  /// Whether decoding may leave it out.
  let isSpecial: Bool

  init(_ cursor: JSONCursor) throws(Failure) {
    try cursor.allowOnly(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
    id = Int32(try cursor.field("id").integer(in: 0..<Vocabulary.maximumCount))
    let text = try cursor.field("content")
    content = Array(try text.string().utf8)
    guard !content.isEmpty else { throw text.failure("an added token is empty") }
    isSingleWord = try cursor.field("single_word").bool()
    stripsLeft = try cursor.field("lstrip").bool()
    stripsRight = try cursor.field("rstrip").bool()
    isNormalized = try cursor.field("normalized").bool()
    isSpecial = try cursor.field("special").bool()
  }
}

/// The added tokens of a tokenizer, and how they are found.
struct AddedTokens: Sendable {
  private let tokens: [AddedToken]
  private let byID: [Int32: Int]
  private let byContent: ByteTable
  /// Finders of the tokens in the text as it came, and in normalized text.
  private let raw: Finder
  private let normalized: Finder

  /// Reads `added_tokens`.
  ///
  /// - Throws: also when a token contradicts the vocabulary or another added token.
  init(_ cursor: JSONCursor?, vocabulary: Vocabulary, normalizer: Normalizer?) throws(Failure) {
    var tokens: [AddedToken] = []
    var byID: [Int32: Int] = [:]
    var byContent = ByteTable()
    for element in try cursor?.elements() ?? [] {
      let token = try AddedToken(element)
      try Self.check(token, element, vocabulary)
      guard byID.updateValue(tokens.count, forKey: token.id) == nil else {
        throw try element.field("id").failure("the id \(token.id) belongs to two added tokens")
      }
      guard byContent.insert(token.content.span) != nil else {
        throw try element.field("content").failure("this token is added twice")
      }
      tokens.append(token)
    }
    (self.tokens, self.byID, self.byContent) = (tokens, byID, byContent)
    raw = Finder(tokens.enumerated().filter { !$1.isNormalized }.map { ($1.content, $0) })
    var contents: [([UInt8], Int)] = []
    for (index, token) in tokens.enumerated() where token.isNormalized {
      var content = AlignedText(original: token.content, range: 0..<token.content.count, tracked: false)
      try normalizer?.apply(to: &content)
      contents.append((content.bytes, index))
    }
    normalized = Finder(contents)
  }

  private static func check(
    _ token: AddedToken, _ cursor: JSONCursor, _ vocabulary: Vocabulary
  ) throws(Failure) {
    if let id = vocabulary.id(of: token.content.span), id != token.id {
      throw try cursor.field("id").failure(
        "this added token has the id \(token.id), but \(id) in the vocabulary")
    }
    if let other = vocabulary.token(of: token.id), !other.elementsEqual(token.content) {
      let name = String(decoding: other, as: UTF8.self)
      throw try cursor.field("id").failure("the id \(token.id) belongs to '\(name)' in the vocabulary")
    }
  }

  /// One more than the highest id; 0 when there are none.
  var idLimit: Int { tokens.reduce(0) { max($0, Int($1.id) + 1) } }

  subscript(id: Int32) -> AddedToken? { byID[id].map { tokens[$0] } }

  func id(of content: Span<UInt8>) -> Int32? { byContent.entry(of: content).map { tokens[$0].id } }

  /// A stretch of text: an added token, or what the model has to tokenize.
  struct Segment {
    let range: Range<Int>
    let id: Int32?
  }

  enum Stage { case raw, normalized }

  /// Cuts a text at the added tokens of one stage.
  func segments(of text: Span<UInt8>, _ stage: Stage) -> [Segment] {
    var segments: [Segment] = []
    var end = 0
    for (match, index) in (stage == .raw ? raw : normalized).matches(in: text) {
      let token = tokens[index]
      guard !token.isSingleWord || Self.standsAlone(match, in: text) else { continue }
      var (lower, upper) = (match.lowerBound, match.upperBound)
      if token.stripsLeft { lower = max(Self.spaceStart(before: lower, in: text), end) }
      if token.stripsRight { upper = Self.spaceEnd(after: upper, in: text) }
      // White space that the token before has taken may hold the start of this match.
      lower = min(max(lower, end), upper)
      if end < lower { segments.append(Segment(range: end..<lower, id: nil)) }
      segments.append(Segment(range: lower..<upper, id: token.id))
      end = max(end, upper)
    }
    if end < text.count { segments.append(Segment(range: end..<text.count, id: nil)) }
    return segments
  }

  private static func standsAlone(_ range: Range<Int>, in text: Span<UInt8>) -> Bool {
    (range.lowerBound == 0 || !isWord(text.scalar(before: range.lowerBound).scalar))
      && (range.upperBound == text.count || !isWord(text.scalar(at: range.upperBound).scalar))
  }

  /// A word character as Unicode Technical Standard 18 has it.
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    return switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
    default: false
    }
  }

  private static func spaceStart(before index: Int, in text: Span<UInt8>) -> Int {
    var index = index
    while index > 0 {
      let (scalar, length) = text.scalar(before: index)
      guard scalar.properties.isWhitespace else { break }
      index -= length
    }
    return index
  }

  private static func spaceEnd(after index: Int, in text: Span<UInt8>) -> Int {
    var index = index
    while index < text.count {
      let (scalar, length) = text.scalar(at: index)
      guard scalar.properties.isWhitespace else { break }
      index += length
    }
    return index
  }
}

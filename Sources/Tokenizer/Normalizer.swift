import Failures
import JSON

/// A step that changes the text before it is split: the `normalizer` of a tokenizer.json.
indirect enum Normalizer: Sendable {
  /// - `compatibility`: whether characters that only look different, as ﬁ and fi, become the same.
  case composed(compatibility: Bool)
  case decomposed(compatibility: Bool)
  case lowercase
  case prepend([UInt8])
  case replace(TextPattern, by: [UInt8])
  case strip(left: Bool, right: Bool)
  case sequence([Normalizer])

  init(_ cursor: JSONCursor) throws(Failure) {
    let type = try cursor.field("type")
    switch try type.string() {
    case "NFC", "NFKC", "NFD", "NFKD":
      try cursor.allowOnly(["type"])
      let name = try type.string()
      self =
        name.hasSuffix("C")
        ? .composed(compatibility: name == "NFKC") : .decomposed(compatibility: name == "NFKD")
    case "Lowercase": (self, _) = (.lowercase, try cursor.allowOnly(["type"]))
    case "Prepend":
      try cursor.allowOnly(["type", "prepend"])
      self = .prepend(Array(try cursor.field("prepend").string().utf8))
    case "Replace":
      try cursor.allowOnly(["type", "pattern", "content"])
      self = .replace(
        try TextPattern(cursor.field("pattern")), by: Array(try cursor.field("content").string().utf8))
    case "Strip":
      try cursor.allowOnly(["type", "strip_left", "strip_right"])
      self = .strip(
        left: try cursor.field("strip_left").bool(), right: try cursor.field("strip_right").bool())
    case "Sequence":
      try cursor.allowOnly(["type", "normalizers"])
      var steps: [Normalizer] = []
      for step in try cursor.field("normalizers").elements() { steps.append(try Normalizer(step)) }
      self = .sequence(steps)
    case let name:
      throw type.failure(
        "the normalizer '\(name)' is not supported",
        hint: "supported: NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Sequence, Strip")
    }
  }

  func apply(to text: inout AlignedText) throws(Failure) {
    switch self {
    case .composed(let compatibility): UnicodeNormalization.composed(&text, compatibility)
    case .decomposed(let compatibility): UnicodeNormalization.decomposed(&text, compatibility)
    case .lowercase: Self.lowercase(&text)
    case .prepend(let prefix): Self.prepend(prefix, to: &text)
    case .replace(let pattern, let content): try Self.replace(pattern, by: content, in: &text)
    case .strip(let left, let right): Self.strip(&text, left: left, right: right)
    case .sequence(let steps): for step in steps { try step.apply(to: &text) }
    }
  }

  private static func lowercase(_ text: inout AlignedText) {
    text.transform(
      text.scalars.flatMap { scalar in
        scalar.properties.lowercaseMapping.unicodeScalars.enumerated().map { ($1, $0 == 0 ? 0 : 1) }
      })
  }

  private static func prepend(_ prefix: [UInt8], to text: inout AlignedText) {
    guard text.count > 0 else { return }
    var result = AlignedText(tracked: text.isTracked)
    result.append(text, 0..<text.count, prefixedBy: prefix)
    text = result
  }

  /// Puts `content` in the place of every match; it stands for the match's last character.
  static func replace(_ pattern: TextPattern, by content: [UInt8], in text: inout AlignedText) throws(Failure)
  {
    let matches = try pattern.matches(in: text.bytes.span)
    guard !matches.isEmpty else { return }
    var result = AlignedText(tracked: text.isTracked)
    result.reserveCapacity(text.count + matches.count * content.count)
    var end = 0
    for match in matches {
      result.append(text, end..<match.lowerBound)
      result.append(content, like: text, at: match.upperBound - 1)
      end = match.upperBound
    }
    result.append(text, end..<text.count)
    text = result
  }

  private static func strip(_ text: inout AlignedText, left: Bool, right: Bool) {
    let scalars = text.scalars
    let isSpace: (Unicode.Scalar) -> Bool = { $0.properties.isWhitespace }
    let leading = left ? scalars.prefix(while: isSpace).reduce(0) { $0 + UTF8.width($1) } : 0
    let trailing = right ? scalars.reversed().prefix(while: isSpace).reduce(0) { $0 + UTF8.width($1) } : 0
    text = text.slice(leading..<max(leading, text.count - trailing))
  }
}

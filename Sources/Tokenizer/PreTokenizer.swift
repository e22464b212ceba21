import Failures
import JSON
import RegularExpressions

/// A step that splits the text into pieces that no token crosses: the `pre_tokenizer` of a tokenizer.json.
indirect enum PreTokenizer: Sendable {
  case split(TextPattern, SplitBehavior, inverted: Bool)
  /// - `words`: GPT-2's pattern, when the step splits too.
  case byteLevel(addsPrefixSpace: Bool, words: TextPattern?)
  case metaspace(Metaspace)
  case digits(individual: Bool)
  case sequence([PreTokenizer])

  /// GPT-2's way of cutting text into words.
  private static let words =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  init(_ cursor: JSONCursor) throws(Failure) {
    let type = try cursor.field("type")
    switch try type.string() {
    case "Split": self = try Self.split(cursor)
    case "ByteLevel":
      try cursor.allowOnly(["type", "add_prefix_space", "trim_offsets", "use_regex"])
      let splits = try cursor.optional("use_regex")?.bool() ?? true
      self = .byteLevel(
        addsPrefixSpace: try cursor.field("add_prefix_space").bool(),
        words: splits ? .expression(try TextPattern.compile(Self.words)) : nil)
    case "Metaspace": self = .metaspace(try Metaspace(cursor))
    case "Digits":
      try cursor.allowOnly(["type", "individual_digits"])
      self = .digits(individual: try cursor.optional("individual_digits")?.bool() ?? false)
    case "Sequence":
      try cursor.allowOnly(["type", "pretokenizers"])
      var steps: [PreTokenizer] = []
      for step in try cursor.field("pretokenizers").elements() { steps.append(try PreTokenizer(step)) }
      self = .sequence(steps)
    case let name:
      throw type.failure(
        "the pre-tokenizer '\(name)' is not supported",
        hint: "supported: ByteLevel, Digits, Metaspace, Sequence, Split")
    }
  }

  private static func split(_ cursor: JSONCursor) throws(Failure) -> PreTokenizer {
    try cursor.allowOnly(["type", "pattern", "behavior", "invert"])
    let name = try cursor.field("behavior")
    guard let behavior = SplitBehavior(rawValue: try name.string()) else {
      throw name.failure(
        "the split behavior '\(try name.string())' is not known",
        hint: "known: \(SplitBehavior.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return .split(
      try TextPattern(cursor.field("pattern")), behavior,
      inverted: try cursor.optional("invert")?.bool() ?? false)
  }

  /// Whether the step asks where in the original text a piece begins.
  var needsOrigins: Bool {
    switch self {
    case .metaspace(let metaspace): metaspace.prepends == .first
    case .sequence(let steps): steps.contains(where: \.needsOrigins)
    default: false
    }
  }

  func apply(to tokens: inout PreTokens) throws(Failure) {
    switch self {
    case .split(let pattern, let behavior, let inverted):
      try tokens.split(pattern, behavior, inverted: inverted)
    case .byteLevel(let addsPrefixSpace, let words):
      if addsPrefixSpace {
        tokens.prepend([UInt8(ascii: " ")]) { $0.text.bytes[$1.lowerBound] != UInt8(ascii: " ") }
      }
      if let words { try tokens.split(words, .isolated) }
      tokens.encodeBytes()
    case .metaspace(let metaspace): try metaspace.apply(to: &tokens)
    case .digits(let individual):
      try tokens.split(.number, individual ? .isolated : .contiguous)
    case .sequence(let steps):
      for step in steps { try step.apply(to: &tokens) }
    }
  }
}

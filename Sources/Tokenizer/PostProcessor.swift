import Failures
import JSON

/// What is put around the tokens of a text: the `post_processor` of a tokenizer.json, for single texts.
struct PostProcessor: Sendable {
  /// The special tokens before and after the text.
  private(set) var prefix: [Int32] = []
  private(set) var suffix: [Int32] = []
  /// ByteLevel steps, which take white space out of the offsets; the value is `add_prefix_space`.
  private(set) var trims: [Bool] = []

  init() {}

  /// - Parameter idLimit: one more than the highest id of a token.
  init(_ cursor: JSONCursor, idLimit: Int) throws(Failure) {
    let type = try cursor.field("type")
    switch try type.string() {
    case "TemplateProcessing": try readTemplate(cursor, idLimit)
    case "ByteLevel":
      try cursor.allowOnly(["type", "add_prefix_space", "trim_offsets", "use_regex"])
      let addsPrefixSpace = try cursor.field("add_prefix_space").bool()
      if try cursor.field("trim_offsets").bool() { trims = [addsPrefixSpace] }
    case "Sequence":
      try cursor.allowOnly(["type", "processors"])
      for element in try cursor.field("processors").elements() {
        let step = try PostProcessor(element, idLimit: idLimit)
        (prefix, suffix, trims) = (step.prefix + prefix, suffix + step.suffix, trims + step.trims)
      }
    case let name:
      throw type.failure(
        "the post-processor '\(name)' is not supported",
        hint: "supported: ByteLevel, Sequence, TemplateProcessing")
    }
  }

  private mutating func readTemplate(_ cursor: JSONCursor, _ idLimit: Int) throws(Failure) {
    try cursor.allowOnly(["type", "single", "pair", "special_tokens"])
    let special = try cursor.field("special_tokens")
    let pieces = try cursor.field("single")
    var hasText = false
    for piece in try pieces.elements() {
      try piece.allowOnly(["SpecialToken", "Sequence"])
      if let token = try piece.optional("SpecialToken") {
        let name = try token.field("id").string()
        for id in try special.field(name).field("ids").elements() {
          let id = Int32(try id.integer(in: 0..<idLimit))
          if hasText { suffix.append(id) } else { prefix.append(id) }
        }
      } else {
        let sequence = try piece.field("Sequence").field("id")
        guard try sequence.string() == "A", !hasText else {
          throw sequence.failure("the template of a single text must hold the sequence A once, and no other")
        }
        hasText = true
      }
    }
    if !hasText { throw pieces.failure("the template does not hold the text (the sequence A)") }
  }

  /// Follows `add_bos_token` and `add_eos_token` of tokenizer_config.json, which overrule the template.
  mutating func follow(_ configuration: TokenizerConfiguration) {
    if let bos = configuration.bosID, let adds = configuration.addsBOS {
      if !adds { prefix.removeAll { $0 == bos } }
      if adds, !prefix.contains(bos) { prefix.insert(bos, at: 0) }
    }
    if let eos = configuration.eosID, let adds = configuration.addsEOS {
      if !adds { suffix.removeAll { $0 == eos } }
      if adds, !suffix.contains(eos) { suffix.append(eos) }
    }
  }
}

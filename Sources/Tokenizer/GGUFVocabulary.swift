package import Failures
package import JSON

/// A tokenizer as GGUF files hold it and llama.cpp reads it: `llama` (SentencePiece's pairs by score) or `gpt2`
/// (byte-level pairs by merge), from a tokenizer.json.
package struct GGUFVocabulary: Sendable, Equatable {
  /// `tokenizer.ggml.token_type`
  package enum TokenType: Int32, Sendable {
    case normal = 1, unknown, control, userDefined, unused, byte
  }

  /// `tokenizer.ggml.model`
  package let model: String
  /// `tokenizer.ggml.pre`
  package let preTokenizer: String
  /// The texts of all ids, in UTF-8.
  package private(set) var tokens: [[UInt8]]
  package private(set) var types: [TokenType]
  /// The higher, the earlier two tokens become this one; empty for `gpt2`.
  package private(set) var scores: [Float] = []
  /// Pairs with a space between; empty for `llama`.
  package private(set) var merges: [[UInt8]] = []
  package let unknownID: Int32?
  /// Whether a space is put before a text; nil for `gpt2`, which never does.
  package let addsSpacePrefix: Bool?

  /// - Parameters:
  ///   - tokenizerFile: a tokenizer.json that `Tokenizer` reads.
  ///   - count: the model's vocabulary; ids without a token get one that stands for nothing.
  /// - Throws: `Failure.badData` naming the step that llama.cpp does not know.
  package init(tokenizerFile: String, count: Int) throws(Failure) {
    try self.init(JSONDocument([UInt8](contentsOfFile: tokenizerFile), source: tokenizerFile), count: count)
  }

  package init(_ file: JSONDocument, count: Int) throws(Failure) {
    let model = try file.cursor.field("model")
    let vocabulary = try Vocabulary(model.field("vocab"))
    let added = try AddedTokens(file.cursor.optional("added_tokens"), vocabulary: vocabulary, normalizer: nil)
    guard max(vocabulary.idLimit, added.idLimit) <= count else {
      throw model.failure(
        "the tokenizer has \(max(vocabulary.idLimit, added.idLimit)) ids, more than the model's \(count)")
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let field = try model.optional(name), try !field.string().isEmpty {
        throw field.failure("llama.cpp does not know tokens that only begin or end words")
      }
    }
    unknownID = try model.optional("unk_token").flatMap { (token) throws(Failure) in
      vocabulary.id(of: Array(try token.string().utf8).span)
    }
    (tokens, types) = ([], [])
    let method = try GGUFTokenization(file.cursor)
    (self.model, preTokenizer) = (method.model, method.preTokenizer)
    addsSpacePrefix = method.addsSpacePrefix
    let isScored = addsSpacePrefix != nil
    for id in 0..<Int32(count) { append(id, vocabulary, added, hasBytes: isScored) }
    let pairs = try Self.pairs(model.field("merges"))
    if isScored {
      scores = Self.scores(pairs, vocabulary, types: types)
    } else {
      merges = pairs.map { $0.left + [UInt8(ascii: " ")] + $0.right }
    }
  }

  /// - Parameter hasBytes: whether tokens like `<0x0A>` stand for bytes.
  private mutating func append(_ id: Int32, _ vocabulary: Vocabulary, _ added: AddedTokens, hasBytes: Bool) {
    if let token = added[id] {
      let isControl = token.isSpecial || Self.looksSpecial(token.content)
      tokens.append(isControl ? token.content : Self.spaced(token.content))
      types.append(isControl ? .control : .userDefined)
    } else if let text = vocabulary.token(of: id) {
      tokens.append(Array(text))
      types.append(id == unknownID ? .unknown : hasBytes && Decoder.byte(Array(text)) != nil ? .byte : .normal)
    } else {
      tokens.append(Array("[PAD\(id)]".utf8))
      types.append(.unused)
    }
  }

  /// Tokens that structure a text although their files do not say so, as convert_hf_to_gguf.py knows them.
  private static func looksSpecial(_ token: [UInt8]) -> Bool {
    let text = String(decoding: token, as: UTF8.self)
    func isBetween(_ start: String, _ end: String) -> Bool { text.hasPrefix(start) && text.hasSuffix(end) }
    return ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text) || isBetween("<|", "|>")
      || isBetween("<｜", "｜>") || isBetween("<unused", ">")
  }

  /// A token of the user's with spaces for SentencePiece's marks, as it is looked for in the text.
  private static func spaced(_ token: [UInt8]) -> [UInt8] {
    let parts = String(decoding: token, as: UTF8.self).split(separator: "▁", omittingEmptySubsequences: false)
    return Array(parts.joined(separator: " ").utf8)
  }

  private static func pairs(_ cursor: JSONCursor) throws(Failure) -> [(left: [UInt8], right: [UInt8])] {
    var pairs: [(left: [UInt8], right: [UInt8])] = []
    for element in try cursor.elements() {
      do {
        pairs.append(try Merges.pair(element.value))
      } catch {
        throw element.failure(error.what)
      }
    }
    return pairs
  }

  /// Scores in whose order llama.cpp merges as the merges say: 0, −1, −2 … for their results, further for tokens that no
  /// merge makes, and what convert_hf_to_gguf.py gives to those that are no part of texts.
  private static func scores(
    _ pairs: [(left: [UInt8], right: [UInt8])], _ vocabulary: Vocabulary, types: [TokenType]
  ) -> [Float] {
    var scores = types.map { type -> Float? in
      switch type {
      case .normal: nil
      case .unknown, .byte: 0
      case .control, .userDefined: -1000
      case .unused: -10_000
      }
    }
    var next: Float = 0
    func give(_ id: Int) {
      guard scores[id] == nil else { return }
      scores[id] = next
      next -= 1
    }
    for pair in pairs {
      let text = pair.left + pair.right
      if let id = vocabulary.id(of: text.span) { give(Int(id)) }
    }
    for id in scores.indices { give(id) }
    return scores.map { $0 ?? 0 }
  }
}

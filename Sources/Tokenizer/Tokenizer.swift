package import Failures
package import JSON
import Synchronization

/// Text to tokens and back, exactly as Hugging Face `tokenizers` does it, from a tokenizer.json.
///
/// `truncation` and `padding` of the file are not applied: the length of rows is the caller's affair.
package final class Tokenizer: Sendable {
  private let addedTokens: AddedTokens
  private let normalizer: Normalizer?
  private let preTokenizer: PreTokenizer?
  private let model: BytePairModel
  private let postProcessor: PostProcessor
  private let decoder: Decoder?
  package let configuration: TokenizerConfiguration
  /// Workspaces that no thread uses at the moment.
  private let workspaces = Mutex<[BytePairModel.Workspace]>([])

  /// Reads the tokenizer of a model.
  ///
  /// - Parameters:
  ///   - tokenizerFile: the path of a tokenizer.json.
  ///   - configurationFile: the path of a tokenizer_config.json, which names the BOS, EOS and padding tokens.
  /// - Throws: `Failure.badData` naming file, line, column and field.
  package convenience init(tokenizerFile: String, configurationFile: String?) throws(Failure) {
    let file = try JSONDocument([UInt8](contentsOfFile: tokenizerFile), source: tokenizerFile)
    var configuration: JSONDocument?
    if let configurationFile {
      configuration = try JSONDocument([UInt8](contentsOfFile: configurationFile), source: configurationFile)
    }
    try self.init(file, configuration: configuration)
  }

  /// Reads a tokenizer from parsed files.
  package init(_ file: JSONDocument, configuration: JSONDocument?) throws(Failure) {
    let cursor = file.cursor
    try cursor.allowOnly([
      "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
      "decoder",
      "model",
    ])
    if let version = try cursor.optional("version"), try version.string() != "1.0" {
      throw version.failure("expected version 1.0, found '\(try version.string())'")
    }
    let model = try BytePairModel(cursor.field("model"))
    normalizer = try cursor.optional("normalizer").map { step throws(Failure) in try Normalizer(step) }
    preTokenizer = try cursor.optional("pre_tokenizer").map { step throws(Failure) in try PreTokenizer(step) }
    decoder = try cursor.optional("decoder").map { step throws(Failure) in try Decoder(step) }
    let added = try AddedTokens(
      cursor.optional("added_tokens"), vocabulary: model.vocabulary, normalizer: normalizer)
    let limit = max(model.vocabulary.idLimit, added.idLimit)
    var post =
      try cursor.optional("post_processor").map { step throws(Failure) in
        try PostProcessor(step, idLimit: limit)
      } ?? PostProcessor()
    self.configuration =
      try configuration.map { document throws(Failure) in
        try TokenizerConfiguration(document.cursor) { text in
          let bytes = Array(text.utf8)
          return added.id(of: bytes.span) ?? model.vocabulary.id(of: bytes.span)
        }
      } ?? TokenizerConfiguration()
    post.follow(self.configuration)
    (self.model, addedTokens, postProcessor) = (model, added, post)
  }

  /// One more than the highest id of a token.
  package var vocabularySize: Int { max(model.vocabulary.idLimit, addedTokens.idLimit) }
  /// The tokens that begin, end and pad a text, as tokenizer_config.json names them.
  package var bosID: Int32? { configuration.bosID }
  package var eosID: Int32? { configuration.eosID }
  package var padID: Int32? { configuration.padID }
  /// The special tokens that are put before and after a text.
  package var prefixIDs: [Int32] { postProcessor.prefix }
  package var suffixIDs: [Int32] { postProcessor.suffix }

  /// Whether decoding may leave the token out: those that structure a text and are no part of it.
  package func isSpecial(_ id: Int32) -> Bool { addedTokens[id]?.isSpecial == true }

  /// The id of a token written as the vocabulary writes it.
  package func tokenID(of token: String) -> Int32? {
    let bytes = Array(token.utf8)
    return addedTokens.id(of: bytes.span) ?? model.vocabulary.id(of: bytes.span)
  }
}

// MARK: - Encoding

extension Tokenizer {
  /// The tokens of a text.
  ///
  /// - Parameter addSpecialTokens: whether the post-processor's tokens are put around it (one BOS, as a rule).
  /// - Throws: `Failure.badData` when a pattern of the tokenizer exceeds its limits on this text.
  package func encode(_ text: String, addSpecialTokens: Bool) throws(Failure) -> [Int32] {
    try encoding(of: text, addSpecialTokens: addSpecialTokens, withSpans: false).ids
  }

  /// - Throws: `Failure.badData` when the model that tokens were made for does not know one of them.
  package static func check(_ ids: [Int32], vocabularySize: Int) throws(Failure) {
    guard let id = ids.first(where: { Int($0) >= vocabularySize }) else { return }
    throw Failure(
      .badData, "the tokenizer makes the token \(id), which is outside the model's vocabulary (0 to \(vocabularySize - 1))",
      hint: "the tokenizer does not belong to this model")
  }

  /// The tokens of a text and where they stand in it.
  package func encodeWithSpans(_ text: String, addSpecialTokens: Bool) throws(Failure) -> Encoding {
    try encoding(of: text, addSpecialTokens: addSpecialTokens, withSpans: true)
  }

  /// Where the tokens of `encoding` stand in `text`, counted in Unicode scalars: the offsets of `tokenizers`.
  package func scalarOffsets(of encoding: Encoding, in text: String) -> [Range<Int>] {
    var offsets = encoding.scalarSpans(in: text)
    for addsPrefixSpace in postProcessor.trims {
      for (index, id) in encoding.ids.enumerated() {
        let isFirst = index == 0 || offsets[index].lowerBound == 0
        offsets[index] = Encoding.trimmed(
          offsets[index], token: self.text(of: id), keepsOneSpace: isFirst && addsPrefixSpace)
      }
    }
    return offsets
  }

  /// The tokens of a text.
  ///
  /// - Parameter withSpans: whether the encoding says where they stand, which takes half as long again.
  package func encoding(of text: String, addSpecialTokens: Bool, withSpans: Bool) throws(Failure) -> Encoding {
    try encoding(of: Array(text.utf8), addSpecialTokens: addSpecialTokens, withSpans: withSpans)
  }

  /// The tokens of a text that is UTF-8.
  package func encoding(of bytes: [UInt8], addSpecialTokens: Bool, withSpans: Bool) throws(Failure) -> Encoding {
    guard bytes.count <= Int(UInt32.max) else {
      throw Failure(
        .badData, "a text of \(bytes.count) bytes is too long to tokenize", hint: "split it into documents")
    }
    let isTracked = withSpans || preTokenizer?.needsOrigins == true
    var workspace = workspaces.withLock { $0.popLast() } ?? BytePairModel.Workspace()
    var encoding = Encoding()
    for segment in addedTokens.segments(of: bytes.span, .raw) {
      if let id = segment.id {
        encoding.append(id, segment.range)
      } else {
        let part = AlignedText(original: bytes, range: segment.range, tracked: isTracked)
        try encode(part, into: &encoding, &workspace)
      }
    }
    workspaces.withLock { $0.append(workspace) }
    if addSpecialTokens { encoding.surround(prefix: postProcessor.prefix, suffix: postProcessor.suffix) }
    return encoding
  }

  private func encode(
    _ text: consuming AlignedText, into encoding: inout Encoding, _ workspace: inout BytePairModel.Workspace
  ) throws(Failure) {
    try normalizer?.apply(to: &text)
    for segment in addedTokens.segments(of: text.bytes.span, .normalized) {
      if let id = segment.id {
        encoding.append(id, text.origin(of: segment.range))
        continue
      }
      var pieces = PreTokens(text.slice(segment.range))
      try preTokenizer?.apply(to: &pieces)
      for range in pieces.ranges {
        workspace.tokens.removeAll()
        model.tokenize(pieces.text.bytes.span.extracting(range), &workspace)
        encoding.append(workspace.tokens, of: pieces.text, from: range.lowerBound)
      }
    }
  }
}

// MARK: - Decoding

extension Tokenizer {
  /// The text of tokens. Bytes that are no UTF-8 become U+FFFD, ids of no token nothing.
  package func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
    let kept = skipSpecialTokens ? ids.filter { !isSpecial($0) } : ids
    let tokens = kept.compactMap(text(of:))
    guard let decoder else {
      return tokens.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
    return String(decoding: decoder.apply(to: tokens).flatMap { $0 }, as: UTF8.self)
  }

  /// The text of one token as the vocabulary writes it, in UTF-8.
  private func text(of id: Int32) -> [UInt8]? {
    addedTokens[id]?.content ?? model.vocabulary.token(of: id).map(Array.init)
  }
}

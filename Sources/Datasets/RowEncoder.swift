import Failures
import Tokenizer

/// Turns rows of data into rows of tokens.
///
/// A row is the tokenizer's BOS, once, the text, and one EOS when all of the text fits. Prompt and answer are
/// tokenized as one text, as the model will see them; what is a target is decided by where a token stands and
/// never by its id: a token counts when it begins at or after the answer's first byte. A token that begins in the
/// prompt and reaches into the answer is not a target; such rows are counted.
struct RowEncoder: Sendable {
  private let tokenizer: Tokenizer?
  private let options: DatasetOptions
  private let template: PromptTemplate
  private let vocabularySize: Int
  /// Whether the tokenizer has ids that the model does not know.
  private let isLargerThanModel: Bool
  private let eosID: Int32?
  /// What the tokenizer puts before every text.
  private let prefix: [Int32]
  private let chat: ChatEncoder?

  /// - Parameters:
  ///   - tokenizer: needed for all rows but those that come as token ids.
  ///   - chat: needed for conversations.
  ///   - vocabularySize: the number of ids that the model knows.
  /// - Throws: `Failure.badData` when rows are to end with EOS and the tokenizer has none.
  init(
    _ tokenizer: Tokenizer?, _ options: DatasetOptions, chat: ChatEncoder?, vocabularySize: Int
  ) throws(Failure) {
    (self.tokenizer, self.chat) = (tokenizer, chat)
    self.options = options
    self.vocabularySize = vocabularySize
    isLargerThanModel = tokenizer.map { $0.vocabularySize > vocabularySize } ?? false
    template = options.template
    eosID = options.addsEOS ? tokenizer?.eosID : nil
    prefix = tokenizer?.prefixIDs ?? []
    guard let tokenizer else { return }
    if options.addsEOS, tokenizer.eosID == nil {
      throw Failure(
        .badData, "the tokenizer has no EOS token (eos_token of tokenizer_config.json)",
        hint: "add it there, or pass --no-add-eos")
    }
    if let special = (prefix + [eosID].compactMap { $0 }).first(where: { Int($0) >= vocabularySize }) {
      throw Failure(
        .badData,
        "the token \(special), with which the tokenizer begins or ends rows, is outside the model's vocabulary "
          + "(0 to \(vocabularySize - 1))", hint: "the tokenizer does not belong to this model")
    }
    if options.promptTemplate == nil { try options.promptStyle.check(tokenizer) }
    if let other = tokenizer.suffixIDs.first(where: { $0 != tokenizer.eosID }) {
      throw Failure(
        .badData, "the tokenizer puts the token \(other), which is not its EOS, after every text",
        hint: "rows of such a tokenizer are not supported")
    }
  }

  /// What the tokens of a row are like.
  private struct Shape {
    /// How many of them, the first, are special ones before the text.
    var prefixCount = 0
    /// Whether a token reaches from the prompt into the answer.
    var straddles = false
    /// Whether the chat template leaves something out.
    var isIncomplete = false
  }

  /// Appends what becomes of a row.
  ///
  /// - Throws: `Failure.badData` for what cannot be encoded, or is too long where that is an error.
  func encode(_ source: SourceRow, _ fingerprint: RowFingerprint?, into rows: inout EncodedRows) throws(Failure) {
    var row = rows.row(source.kind, fingerprint)
    let (start, length) = (rows.tokens.count, options.cutoffLength)
    let shape = try append(source, to: &rows.tokens)
    let count = rows.tokens.count - start
    (row.straddles, row.isIncomplete) = (shape.straddles, shape.isIncomplete)
    row.isUnanswered = source.isUnanswered
    if count == 0 {
      row.drop(.empty)
    } else if count <= length {
      rows.keep(from: start, in: &row)
    } else if case .text = source.content, options.splitsLongTexts {
      split(shape, from: start, of: &row, in: &rows)
    } else if options.truncation == .cut {
      row.isTruncated = true
      rows.tokens.removeAll(from: start + max(shape.prefixCount, length))
      rows.keep(from: start, in: &row)
    } else if options.truncation == .drop {
      rows.tokens.removeAll(from: start)
      row.drop(.tooLong)
    } else {
      throw Failure(
        .badData, "the row has \(count) tokens, more than the \(length) of --cutoff-len",
        hint: "raise --cutoff-len, or say with --truncation what to do with such rows")
    }
    rows.append(row)
  }

  /// Makes pieces that together hold every token of a text, each a target once. Each begins as the text does; where
  /// the tokenizer has no BOS, with the last token of the one before.
  private func split(_ shape: Shape, from start: Int, of row: inout EncodedRows.Row, in rows: inout EncodedRows) {
    let whole = rows.tokens.split(at: start)
    let first = shape.prefixCount
    let overlap = first == 0 ? 1 : 0
    let size = options.cutoffLength - first - overlap
    guard size > 0 else { return row.drop(.untaught) }
    for piece in stride(from: first, to: whole.count - overlap, by: size) {
      let start = rows.tokens.count
      rows.tokens.append(whole, 0..<first)
      rows.tokens.append(whole, piece..<min(piece + size + overlap, whole.count))
      rows.keep(from: start, in: &row)
    }
  }

  private func append(_ row: SourceRow, to tokens: inout EncodedTokens) throws(Failure) -> Shape {
    switch row.content {
    case .tokens(let ids, let supervised):
      tokens.append(ids[...], supervised: supervised)
      return Shape()
    case .conversation(let conversation, _): return try append(conversation, to: &tokens)
    case .text, .completion, .instruction:
      let (text, boundary) = try text(of: row)
      return try append(text, boundary: options.trainsOnInputs ? 0 : boundary, to: &tokens)
    }
  }

  /// The text of a row as the model will see it, in UTF-8, and the byte from which on it is learned; of a row that
  /// comes as tokens, or is a conversation, an empty one.
  func text(of row: SourceRow) throws(Failure) -> (text: [UInt8], boundary: Int) {
    switch row.content {
    case .tokens, .conversation: return ([], 0)
    case .text(let text): return (text, 0)
    case .completion(let completion, let prompt): return (Self.joined(prompt, completion), prompt.utf8.count)
    case .instruction(let instruction, let input, let output):
      let prompt = try template.prompt(instruction: instruction, input: input)
      return (Self.joined(prompt, output, template.ending), prompt.utf8.count)
    }
  }

  private static func joined(_ parts: String...) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(parts.reduce(0) { $0 + $1.utf8.count })
    for part in parts { text += part.utf8 }
    return text
  }

  /// A conversation is what its template makes of it: the template writes BOS, not the tokenizer, and as a rule the
  /// token that ends an answer. Where nothing does, EOS ends the last one.
  private func append(
    _ conversation: Conversation, to tokens: inout EncodedTokens
  ) throws(Failure) -> Shape {
    guard let tokenizer else { throw missingTokenizer }
    guard let chat else {
      throw Failure(
        .missingInput, "the base has no chat template to write conversations with",
        hint: "give one with --chat-template, or import the base with its tokenizer_config.json")
    }
    let text = try chat.text(of: conversation, findsAnswers: !options.trainsOnInputs)
    let encoding = try encoding(of: Array(text.text.utf8), tokenizer, withSpans: true)
    var (supervised, straddles) = text.targets(encoding, tokenizer)
    if options.trainsOnInputs { (supervised, straddles) = (encoding.ids.map { _ in true }, false) }
    tokens.append(encoding.ids[...], supervised: supervised)
    if let eosID, text.endsWithAnswer, supervised.last == true, !text.endsWithSpecialToken(encoding, tokenizer) {
      tokens.append(eosID, isSupervised: true)
    }
    return Shape(straddles: straddles, isIncomplete: !text.isComplete)
  }

  private var missingTokenizer: Failure {
    Failure(
      .missingInput, "the base has no tokenizer.json to turn text into tokens",
      hint: "import the base with its tokenizer, or give rows of input_ids")
  }

  /// - Parameter boundary: the byte of `text` from which on tokens are targets.
  private func append(
    _ text: [UInt8], boundary: Int, to tokens: inout EncodedTokens
  ) throws(Failure) -> Shape {
    guard let tokenizer else { throw missingTokenizer }
    let encoding = try encoding(of: text, tokenizer, withSpans: boundary > 0)
    // An empty text is no document, and its EOS nothing to learn.
    guard let last = encoding.ids.last else { return Shape() }
    for id in prefix { tokens.append(id, isSupervised: false) }
    // The text may begin with the special tokens itself.
    let own = encoding.ids.starts(with: prefix) ? prefix.count : 0
    let ids = encoding.ids[own...]
    // Tokens stand in the order of the text.
    let answer = boundary > 0 ? encoding.spans.firstIndex { $0.lowerBound >= boundary } ?? ids.endIndex : 0
    let firstTarget = max(own, answer)
    tokens.append(ids[..<firstTarget], isSupervised: false)
    tokens.append(ids[firstTarget...], isSupervised: true)
    let straddles = answer > 0 && encoding.spans[answer - 1].upperBound > boundary
    if let eosID, last != eosID || ids.isEmpty { tokens.append(eosID, isSupervised: true) }
    return Shape(prefixCount: prefix.count, straddles: straddles)
  }

  private func encoding(of text: [UInt8], _ tokenizer: Tokenizer, withSpans: Bool) throws(Failure) -> Encoding {
    let encoding = try tokenizer.encoding(of: text, addSpecialTokens: false, withSpans: withSpans)
    if isLargerThanModel { try Tokenizer.check(encoding.ids, vocabularySize: vocabularySize) }
    return encoding
  }
}

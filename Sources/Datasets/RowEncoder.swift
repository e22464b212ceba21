import Failures
import Tokenizer

/// Turns rows of data into rows of tokens.
///
/// A row is the tokenizer's BOS, once, the text, and one EOS when all of the text fits. Prompt and answer are
/// tokenized as one text, as the model will see them; what is a target is decided by where a token stands and
/// never by its id: a token counts when it begins at or after the answer's first byte. A token that begins in the
/// prompt and reaches into the answer is not a target; such rows are counted.
struct RowEncoder {
  struct EncodedRow {
    let row: TokenRow
    let isTruncated: Bool
    /// Whether a token reaches from the prompt into the answer.
    let straddles: Bool

    /// A row that teaches nothing is left out.
    var isSupervised: Bool { row.supervised.contains(true) }
  }

  private let tokenizer: Tokenizer?
  private let options: DatasetOptions
  private let vocabularySize: Int
  private let eosID: Int32?
  private let chat: ChatEncoder?

  /// - Parameters:
  ///   - tokenizer: needed for all rows but those that come as token ids.
  ///   - chat: needed for conversations.
  ///   - vocabularySize: the number of ids that the model knows.
  /// - Throws: `Failure.badData` when rows are to end with EOS and the tokenizer has none.
  init(
    _ tokenizer: Tokenizer?, _ options: DatasetOptions, chat: ChatEncoder?, vocabularySize: Int
  ) throws(Failure) {
    self.tokenizer = tokenizer
    self.chat = chat
    self.options = options
    self.vocabularySize = vocabularySize
    eosID = options.addsEOS ? tokenizer?.eosID : nil
    guard let tokenizer else { return }
    if options.addsEOS, tokenizer.eosID == nil {
      throw Failure(
        .badData, "the tokenizer has no EOS token (eos_token of tokenizer_config.json)",
        hint: "add it there, or pass --no-add-eos")
    }
    if let other = tokenizer.suffixIDs.first(where: { $0 != tokenizer.eosID }) {
      throw Failure(
        .badData, "the tokenizer puts the token \(other), which is not its EOS, after every text",
        hint: "rows of such a tokenizer are not supported")
    }
  }

  func encode(_ row: SourceRow) throws(Failure) -> EncodedRow {
    switch row.content {
    case .tokens(let ids, let supervised):
      let length = options.cutoffLength
      let kept = TokenRow(ids: Array(ids.prefix(length)), supervised: Array(supervised.prefix(length)))
      return EncodedRow(row: kept, isTruncated: ids.count > length, straddles: false)
    case .text(let text):
      return try encode(text, boundary: 0, row)
    case .instruction(let instruction, let input, let output):
      let prompt = options.promptStyle.prompt(instruction: instruction, input: input)
      return try encode(prompt + output, boundary: options.trainsOnInputs ? 0 : prompt.utf8.count, row)
    case .conversation(let conversation, _): return try encode(conversation, row)
    }
  }

  /// A conversation is what its template makes of it: the template writes BOS, not the tokenizer, and as a rule the
  /// token that ends an answer. Where nothing does, EOS ends the last one.
  private func encode(_ conversation: Conversation, _ row: SourceRow) throws(Failure) -> EncodedRow {
    guard let tokenizer else { throw missingTokenizer(row) }
    guard let chat else {
      throw Failure(
        .missingInput, "\(row.place): the base has no chat template to write conversations with",
        hint: "give one with --chat-template, or import the base with its tokenizer_config.json")
    }
    let text = try chat.text(of: conversation, place: row.place)
    let encoding = try encoding(of: text.text, row, tokenizer)
    let targets = text.targets(encoding, tokenizer)
    var ids = encoding.ids
    var supervised = options.trainsOnInputs ? ids.map { _ in true } : targets.supervised
    if let eosID, text.endsWithAnswer, supervised.last == true, let last = ids.last, !tokenizer.isSpecial(last) {
      ids.append(eosID)
      supervised.append(true)
    }
    return finished(ids, supervised, straddles: !options.trainsOnInputs && targets.straddles)
  }

  private func missingTokenizer(_ row: SourceRow) -> Failure {
    Failure(
      .missingInput, "\(row.place): the base has no tokenizer.json to turn text into tokens",
      hint: "import the base with its tokenizer, or give rows of input_ids")
  }

  /// A row of at most the cutoff length.
  private func finished(_ ids: [Int32], _ supervised: [Bool], straddles: Bool) -> EncodedRow {
    let length = options.cutoffLength
    var supervised = Array(supervised.prefix(length))
    if !supervised.isEmpty { supervised[0] = false }  // nothing predicts the first token
    return EncodedRow(
      row: TokenRow(ids: Array(ids.prefix(length)), supervised: supervised), isTruncated: ids.count > length,
      straddles: straddles)
  }

  /// - Parameter boundary: the byte of `text` from which on tokens are targets.
  private func encode(_ text: String, boundary: Int, _ row: SourceRow) throws(Failure) -> EncodedRow {
    guard let tokenizer else { throw missingTokenizer(row) }
    let encoding = try encoding(of: text, row, tokenizer)
    // An empty text is no document, and its EOS nothing to learn.
    guard !encoding.ids.isEmpty else {
      return EncodedRow(row: TokenRow(ids: [], supervised: []), isTruncated: false, straddles: false)
    }
    let prefix = encoding.ids.starts(with: tokenizer.prefixIDs) ? [] : tokenizer.prefixIDs
    var ids = prefix + encoding.ids
    var supervised = prefix.map { _ in false } + encoding.spans.map { $0.lowerBound >= boundary }
    if let eosID, ids.last != eosID {
      ids.append(eosID)
      supervised.append(true)
    }
    return finished(
      ids, supervised, straddles: encoding.spans.contains { $0.lowerBound < boundary && boundary < $0.upperBound })
  }

  private func encoding(
    of text: String, _ row: SourceRow, _ tokenizer: Tokenizer
  ) throws(Failure) -> Encoding {
    let encoding: Encoding
    do {
      encoding = try tokenizer.encodeWithSpans(text, addSpecialTokens: false)
    } catch {
      throw Failure(error.kind, "\(row.place): \(error.message)", hint: error.hint)
    }
    if let id = encoding.ids.first(where: { Int($0) >= vocabularySize }) {
      throw Failure(
        .badData,
        "\(row.place): the tokenizer makes the token \(id), which is outside the model's vocabulary "
          + "(0 to \(vocabularySize - 1))",
        hint: "the tokenizer does not belong to this model")
    }
    return encoding
  }
}

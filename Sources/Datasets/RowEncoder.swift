import Failures
import Tokenizer

/// Turns rows of data into rows of tokens.
///
/// A row is the tokenizer's BOS, once, the text, and one EOS when all of the text fits. Prompt and answer are
/// tokenized as one text, as the model will see them; what is a target is decided by where a token stands and
/// never by its id: a token counts when it begins at or after the answer's first byte. A token that begins in the
/// prompt and reaches into the answer is not a target; such rows are counted.
struct RowEncoder: Sendable {
  /// A row with all its tokens, however many they are.
  private struct Whole {
    var ids: [Int32] = []
    var supervised: [Bool] = []
    /// How many of the tokens, the first, are special ones before the text.
    var prefixCount = 0
    var straddles = false

    var count: Int { ids.count }

    /// All of it.
    consuming func row() -> TokenRow {
      if !supervised.isEmpty { supervised[0] = false }  // nothing predicts the first token
      return TokenRow(ids: ids, supervised: supervised)
    }

    /// One piece of it: the special tokens, and then those of `range`.
    func row(_ range: Range<Int>) -> TokenRow {
      Whole(
        ids: Array(ids[..<prefixCount] + ids[range]),
        supervised: Array(supervised[..<prefixCount] + supervised[range])
      ).row()
    }
  }

  private let tokenizer: Tokenizer?
  private let options: DatasetOptions
  private let template: PromptTemplate
  private let vocabularySize: Int
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
    template = options.template
    eosID = options.addsEOS ? tokenizer?.eosID : nil
    prefix = tokenizer?.prefixIDs ?? []
    guard let tokenizer else { return }
    if options.addsEOS, tokenizer.eosID == nil {
      throw Failure(
        .badData, "the tokenizer has no EOS token (eos_token of tokenizer_config.json)",
        hint: "add it there, or pass --no-add-eos")
    }
    if options.promptTemplate == nil { try options.promptStyle.check(tokenizer) }
    if let other = tokenizer.suffixIDs.first(where: { $0 != tokenizer.eosID }) {
      throw Failure(
        .badData, "the tokenizer puts the token \(other), which is not its EOS, after every text",
        hint: "rows of such a tokenizer are not supported")
    }
  }

  /// - Throws: `Failure.badData` naming the row: what cannot be encoded, or is too long where that is an error.
  func encode(_ row: SourceRow) throws(Failure) -> EncodedRow {
    var result = EncodedRow(kind: row.kind)
    let whole = try whole(row)
    guard whole.count > 0 else {
      result.drop(.empty)
      return result
    }
    result.straddles = whole.straddles
    let length = options.cutoffLength
    if whole.count <= length {
      result.keep(whole.row(), options)
    } else if case .text = row.content, options.splitsLongTexts {
      for piece in pieces(of: whole) { result.keep(piece, options) }
    } else if options.truncation == .cut {
      result.isTruncated = true
      result.keep(whole.row(whole.prefixCount..<max(whole.prefixCount, length)), options)
    } else if options.truncation == .drop {
      result.drop(.tooLong)
    } else {
      throw Failure(
        .badData, "\(row.place): the row has \(whole.count) tokens, more than the \(length) of --cutoff-len",
        hint: "raise --cutoff-len, or say with --truncation what to do with such rows")
    }
    return result
  }

  /// Rows that together hold every token of a text, each a target once. Each begins as the text does; where the
  /// tokenizer has no BOS, with the last token of the one before.
  private func pieces(of whole: Whole) -> [TokenRow] {
    let first = whole.prefixCount
    let overlap = first == 0 ? 1 : 0
    let size = options.cutoffLength - first - overlap
    guard size > 0 else { return [whole.row(first..<first)] }
    return stride(from: first, to: whole.count - overlap, by: size).map { start in
      whole.row(start..<min(start + size + overlap, whole.count))
    }
  }

  private func whole(_ row: SourceRow) throws(Failure) -> Whole {
    switch row.content {
    case .tokens(let ids, let supervised): return Whole(ids: ids, supervised: supervised)
    case .conversation(let conversation, _): return try whole(conversation, row)
    case .text, .completion, .instruction:
      let (text, boundary) = try text(of: row)
      return try whole(text, boundary: options.trainsOnInputs ? 0 : boundary, row)
    }
  }

  /// The text of a row as the model will see it, and the byte from which on it is learned; of a row that comes as
  /// tokens, or is a conversation, an empty one.
  func text(of row: SourceRow) throws(Failure) -> (text: String, boundary: Int) {
    switch row.content {
    case .tokens, .conversation: return ("", 0)
    case .text(let text): return (text, 0)
    case .completion(let completion, let prompt): return (prompt + completion, prompt.utf8.count)
    case .instruction(let instruction, let input, let output):
      let prompt: String
      do {
        prompt = try template.prompt(instruction: instruction, input: input)
      } catch {
        throw Failure(error.kind, "\(row.place): \(error.message)", hint: error.hint)
      }
      return (prompt + output + template.ending, prompt.utf8.count)
    }
  }

  /// A conversation is what its template makes of it: the template writes BOS, not the tokenizer, and as a rule the
  /// token that ends an answer. Where nothing does, EOS ends the last one.
  private func whole(_ conversation: Conversation, _ row: SourceRow) throws(Failure) -> Whole {
    guard let tokenizer else { throw missingTokenizer(row) }
    guard let chat else {
      throw Failure(
        .missingInput, "\(row.place): the base has no chat template to write conversations with",
        hint: "give one with --chat-template, or import the base with its tokenizer_config.json")
    }
    let text = try chat.text(of: conversation, place: row.place)
    let encoding = try encoding(of: text.text, row, tokenizer, withSpans: true)
    let targets = text.targets(encoding, tokenizer)
    var whole = Whole(ids: encoding.ids)
    whole.supervised = options.trainsOnInputs ? encoding.ids.map { _ in true } : targets.supervised
    whole.straddles = !options.trainsOnInputs && targets.straddles
    if let eosID, text.endsWithAnswer, whole.supervised.last == true, let last = whole.ids.last,
      !tokenizer.isSpecial(last)
    {
      whole.ids.append(eosID)
      whole.supervised.append(true)
    }
    return whole
  }

  private func missingTokenizer(_ row: SourceRow) -> Failure {
    Failure(
      .missingInput, "\(row.place): the base has no tokenizer.json to turn text into tokens",
      hint: "import the base with its tokenizer, or give rows of input_ids")
  }

  /// - Parameter boundary: the byte of `text` from which on tokens are targets.
  private func whole(_ text: String, boundary: Int, _ row: SourceRow) throws(Failure) -> Whole {
    guard let tokenizer else { throw missingTokenizer(row) }
    let encoding = try encoding(of: text, row, tokenizer, withSpans: boundary > 0)
    // An empty text is no document, and its EOS nothing to learn.
    guard !encoding.ids.isEmpty else { return Whole() }
    var whole = Whole(ids: encoding.ids, prefixCount: prefix.count)
    whole.supervised =
      boundary > 0
      ? encoding.spans.map { $0.lowerBound >= boundary } : [Bool](repeating: true, count: encoding.ids.count)
    whole.straddles = encoding.spans.contains { $0.lowerBound < boundary && boundary < $0.upperBound }
    if !whole.ids.starts(with: prefix) {
      whole.ids.insert(contentsOf: prefix, at: 0)
      whole.supervised.insert(contentsOf: repeatElement(false, count: prefix.count), at: 0)
    }
    for index in 0..<prefix.count { whole.supervised[index] = false }
    if let eosID, whole.ids.last != eosID || whole.count == prefix.count {
      whole.ids.append(eosID)
      whole.supervised.append(true)
    }
    return whole
  }

  private func encoding(
    of text: String, _ row: SourceRow, _ tokenizer: Tokenizer, withSpans: Bool
  ) throws(Failure) -> Encoding {
    let encoding: Encoding
    do {
      encoding = try tokenizer.encoding(of: text, addSpecialTokens: false, withSpans: withSpans)
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

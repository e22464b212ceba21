import Tokenizer

/// What is counted over all rows to warn of the classical mistakes.
struct RowStatistics {
  private let tokenizer: Tokenizer?
  private let bosID: Int32?
  /// The tokens that end an answer.
  private let stopTokens: Set<Int32>
  private let options: DatasetOptions
  private let vocabularySize: Int
  private var rows = 0
  private var straddling = 0
  private var truncated = 0
  private var unanswered = 0
  private var incomplete = 0
  /// Of all rows: a dataset holds rows of one kind.
  private var kind: SourceRow.Kind?
  private var learnsEOS = false
  private var (withBOS, withDoubleBOS) = (0, 0)
  /// Plain texts, and the documents in them.
  private var (texts, documents) = (0, 0)

  init(_ tokenizer: Tokenizer?, _ options: DatasetOptions, stopTokens: Set<Int32>, vocabularySize: Int) {
    (self.tokenizer, self.options, self.vocabularySize) = (tokenizer, options, vocabularySize)
    (bosID, self.stopTokens) = (tokenizer?.bosID, stopTokens)
  }

  /// - Parameter all: what holds the row's tokens.
  mutating func count(_ row: EncodedRows.Row, of all: EncodedRows) {
    kind = row.kind
    straddling += row.straddles ? 1 : 0
    truncated += row.isTruncated ? 1 : 0
    unanswered += row.isUnanswered && !row.pieces.isEmpty ? 1 : 0
    incomplete += row.isIncomplete && !row.pieces.isEmpty ? 1 : 0
    for piece in all.pieces[row.pieces] {
      rows += 1
      let (tokens, first) = (all.tokens, piece.tokens.lowerBound)
      learnsEOS = learnsEOS || piece.tokens.contains { tokens.supervised[$0] && stopTokens.contains(tokens.ids[$0]) }
      guard let bosID, tokens.ids[first] == bosID else { continue }
      withBOS += 1
      withDoubleBOS += piece.tokens.count > 1 && tokens.ids[first + 1] == bosID ? 1 : 0
    }
  }

  mutating func count(documents: Int) {
    texts += 1
    self.documents += documents
  }

  /// Warnings for whoever prepares the data.
  var warnings: [String] {
    [straddlingWarning, unansweredWarning, incompleteWarning, documentWarning].compactMap { $0 } + (tokenizer.map(warnings) ?? [])
  }

  private var straddlingWarning: String? {
    guard straddling > 0 else { return nil }
    return "in \(straddling) rows a token reaches from the prompt into the answer; it is not learned, and a model that is asked never "
      + "sees the prompt so: a space at the end of the prompt belongs to the beginning of the answer"
  }

  private var unansweredWarning: String? {
    guard unanswered > 0 else { return nil }
    return "\(unanswered) rows have an empty answer, and teach the model to say nothing; --min-supervised-tokens 2 leaves "
      + "them out"
  }

  private var incompleteWarning: String? {
    guard incomplete > 0 else { return nil }
    return "of \(incomplete) conversations the chat template leaves out what a user or the system says, or the tools: the model "
      + "never sees them"
  }

  private var documentWarning: String? {
    guard texts > 0, texts == documents else { return nil }
    if options.textSeparator != nil {
      return "the --text-separator stands nowhere in the text, which is one document; a shell makes line breaks of $'\\n\\n'"
    }
    guard truncated > 0 else { return nil }
    return "the text is one document, of which only \(options.cutoffLength) tokens are used; "
      + "say with --text-separator what stands between documents"
  }

  private func warnings(_ tokenizer: Tokenizer) -> [String] {
    var warnings: [String] = []
    if let eos = tokenizer.eosID, !learnsEOS, rows > 0 {
      warnings.append(
        "no row has the end-of-text token \(eos) among what is learned: the model will not learn to stop")
    }
    if let pad = tokenizer.padID, pad == tokenizer.eosID {
      warnings.append(
        "the padding token is the end-of-text token (\(pad)): harmless here, where targets are told by place, but "
          + "a tool that masks padding by its id would never teach the end")
    }
    if let bos = tokenizer.bosID, withDoubleBOS > 0 {
      warnings.append("\(withDoubleBOS) rows begin with two BOS tokens (\(bos)): the data has one of its own too many")
    }
    if let bos = tokenizer.bosID, tokenizer.prefixIDs.contains(bos), rows > withBOS {
      let (what, cause) =
        kind == .tokens ? ("rows of input_ids", "") : ("conversations", ": the chat template writes none")
      warnings.append(
        "\(rows - withBOS) \(what) do not begin with BOS (\(bos)), which the tokenizer puts before every text\(cause)")
    }
    if tokenizer.vocabularySize > vocabularySize {
      warnings.append(
        "the tokenizer has \(tokenizer.vocabularySize) tokens, the model's embedding only \(vocabularySize): rows "
          + "with the others are refused")
    }
    return warnings
  }
}

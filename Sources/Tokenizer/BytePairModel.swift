import Failures
import JSON

/// Byte-pair encoding, byte-level or over characters (SentencePiece): the `model` of a tokenizer.json.
struct BytePairModel: Sendable {
  let vocabulary: Vocabulary
  private let merges: Merges
  /// What stands for a character that is not in the vocabulary.
  private let unknownID: Int32?
  private let fusesUnknown: Bool
  /// The tokens `<0x00>` … `<0xFF>` where the vocabulary has them, when they stand for unknown characters.
  private let byteIDs: [Int32?]?
  private let ignoresMerges: Bool
  private let prefix: [UInt8]
  private let suffix: [UInt8]
  /// Whether no token crosses the start of a word (see `wordStarts`).
  private let splitsAtWords: Bool

  /// What tokenizing needs besides the model; each thread has its own.
  struct Workspace {
    fileprivate var word = Word()
    fileprivate var cache = PieceCache()
    var tokens = TokenRun()
  }

  /// U+2581, SentencePiece's mark of a word's start.
  private static let wordMark: [UInt8] = [0xE2, 0x96, 0x81]

  init(_ cursor: JSONCursor) throws(Failure) {
    try Self.checkType(cursor)
    vocabulary = try Vocabulary(cursor.field("vocab"))
    prefix = Array((try cursor.optional("continuing_subword_prefix")?.string() ?? "").utf8)
    suffix = Array((try cursor.optional("end_of_word_suffix")?.string() ?? "").utf8)
    merges = try Merges(cursor.field("merges"), vocabulary: vocabulary, prefixLength: prefix.count)
    fusesUnknown = try cursor.optional("fuse_unk")?.bool() ?? false
    ignoresMerges = try cursor.optional("ignore_merges")?.bool() ?? false
    unknownID = try Self.unknownID(cursor, vocabulary)
    let vocabulary = vocabulary
    byteIDs =
      try cursor.optional("byte_fallback")?.bool() ?? false
      ? (0..<256).map { vocabulary.id(of: Self.byteToken($0).span) } : nil
    splitsAtWords =
      !ignoresMerges && prefix.isEmpty && suffix.isEmpty && vocabulary.id(of: Self.wordMark.span) != nil
      && merges.results.allSatisfy { id in
        vocabulary.token(of: id).map { Self.wordStarts(in: Array($0).span).isEmpty } ?? false
      }
  }

  private static func checkType(_ cursor: JSONCursor) throws(Failure) {
    if let type = try cursor.optional("type"), try type.string() != "BPE" {
      throw type.failure("the model '\(try type.string())' is not supported", hint: "supported: BPE")
    }
    try cursor.allowOnly([
      "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
      "byte_fallback", "ignore_merges", "vocab", "merges",
    ])
    if let dropout = try cursor.optional("dropout"), try dropout.double() != 0 {
      throw dropout.failure("BPE dropout is not supported: it gives other tokens at every run")
    }
  }

  private static func unknownID(_ cursor: JSONCursor, _ vocabulary: Vocabulary) throws(Failure) -> Int32? {
    guard let token = try cursor.optional("unk_token") else { return nil }
    guard let id = vocabulary.id(of: Array(try token.string().utf8).span) else {
      throw token.failure("the unknown token '\(try token.string())' is not in the vocabulary")
    }
    return id
  }

  private static func byteToken(_ byte: Int) -> [UInt8] {
    let digits = String(byte, radix: 16, uppercase: true)
    return Array("<0x\(digits.utf8.count < 2 ? "0" : "")\(digits)>".utf8)
  }

  /// Where words start inside a piece: at every mark that follows anything but a mark.
  ///
  /// When no merge makes a token that holds such a place, no merge ever crosses one, and the words can be
  /// tokenized, and remembered, one by one: the same tokens in time linear in the text.
  private static func wordStarts(in piece: Span<UInt8>) -> [Int] {
    var starts: [Int] = []
    var index = 1
    while index + wordMark.count <= piece.count {
      guard piece.has(wordMark, at: index) else { index += 1; continue }
      if index < wordMark.count || !piece.has(wordMark, at: index - wordMark.count) { starts.append(index) }
      index += wordMark.count
    }
    return starts
  }
}

// MARK: - Tokenizing

extension BytePairModel {
  /// Appends the tokens of one piece to `workspace.tokens`.
  func tokenize(_ piece: Span<UInt8>, _ workspace: inout Workspace) {
    guard splitsAtWords else { return tokenizeWord(piece, &workspace) }
    var start = 0
    for end in Self.wordStarts(in: piece) + [piece.count] {
      tokenizeWord(piece.extracting(start..<end), &workspace)
      start = end
    }
  }

  private func tokenizeWord(_ word: Span<UInt8>, _ workspace: inout Workspace) {
    if ignoresMerges, let id = vocabulary.id(of: word) {
      workspace.tokens.append(id, length: word.count)
    } else if !workspace.cache.write(word, to: &workspace.tokens) {
      let start = workspace.tokens.ids.count
      workspace.word.removeAll()
      spell(word, &workspace.word)
      workspace.word.merge(merges)
      workspace.word.write(to: &workspace.tokens)
      workspace.cache.insert(word, workspace.tokens, from: start)
    }
  }

  /// Writes a word as the tokens of its characters.
  private func spell(_ text: Span<UInt8>, _ word: inout Word) {
    var unknownLength = 0
    func flush(_ word: inout Word) {
      if unknownLength > 0, let unknownID { word.append(unknownID, length: unknownLength) }
      unknownLength = 0
    }
    var index = 0
    while index < text.count {
      let length = min(Span<UInt8>.length(ofScalarFrom: text[index]), text.count - index)
      if let id = id(ofCharacter: index..<index + length, in: text) {
        flush(&word)
        word.append(id, length: length)
      } else if let bytes = fallback(text.extracting(index..<index + length)) {
        for id in bytes { word.append(id, length: 1) }
      } else if unknownID != nil {
        if !fusesUnknown { flush(&word) }
        unknownLength += length
      }
      index += length
    }
    flush(&word)
  }

  private func id(ofCharacter range: Range<Int>, in text: Span<UInt8>) -> Int32? {
    let isFirst = range.lowerBound == 0
    let isLast = range.upperBound == text.count
    if prefix.isEmpty || isFirst, suffix.isEmpty || !isLast {
      return vocabulary.id(of: text.extracting(range))
    }
    var key = isFirst ? [] : prefix
    for index in range { key.append(text[index]) }
    if isLast { key += suffix }
    return vocabulary.id(of: key.span)
  }

  /// The byte tokens that spell a character, when the vocabulary has them all.
  private func fallback(_ character: Span<UInt8>) -> [Int32]? {
    guard let byteIDs else { return nil }
    let ids = character.indices.compactMap { byteIDs[Int(character[$0])] }
    return ids.count == character.count ? ids : nil
  }
}

/// Decodes tokens as they come, one after another, and never gives out half a character.
///
/// What it gives out adds up to what decoding all tokens at once gives.
package struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  /// The tokens that were given out last, for decoders that treat the first token in a way of its own.
  private var context: [Int32] = []
  /// The tokens that were not given out yet.
  private var pending: [Int32] = []

  package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  /// Takes the next token and returns the text that is complete with it, which may be empty.
  package mutating func append(_ id: Int32) -> String {
    pending.append(id)
    let text = pendingText()
    // An unfinished character decodes to U+FFFD at the end; so does a real one, which then waits for its neighbour.
    guard !text.isEmpty, text.unicodeScalars.last != "\u{FFFD}" else { return "" }
    context = pending
    pending = []
    return text
  }

  /// Returns what is left when no more tokens come.
  package mutating func finish() -> String {
    defer { (context, pending) = ([], []) }
    return pendingText()
  }

  private func pendingText() -> String {
    let before = Array(tokenizer.decode(context, skipSpecialTokens: skipSpecialTokens).utf8)
    let all = Array(tokenizer.decode(context + pending, skipSpecialTokens: skipSpecialTokens).utf8)
    guard all.starts(with: before) else {
      return tokenizer.decode(pending, skipSpecialTokens: skipSpecialTokens)
    }
    return String(decoding: all[before.count...], as: UTF8.self)
  }
}

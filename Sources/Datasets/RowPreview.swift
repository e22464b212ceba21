package import Tokenizer

/// A row as a person reads it: its text token by token, and in stretches of targets or of none.
package struct RowPreview: Sendable, Equatable {
  package struct Stretch: Sendable, Equatable {
    package let text: String
    package let isSupervised: Bool
  }

  package struct Token: Sendable, Equatable {
    package let id: Int32
    /// What the token adds to the text; empty while a character is not complete.
    package let text: String
    package let isSupervised: Bool
  }

  package let tokens: [Token]

  /// - Parameter tokenizer: turns ids to text; without one the ids themselves are shown.
  package init(_ row: TokenRow, _ tokenizer: Tokenizer?) {
    var decoder = tokenizer.map { StreamingDecoder($0, skipSpecialTokens: false) }
    var tokens: [Token] = []
    for (index, (id, isSupervised)) in zip(row.ids, row.supervised).enumerated() {
      var text = decoder?.append(id) ?? "\(index > 0 ? " " : "")\(id)"
      if index == row.ids.count - 1, let rest = decoder?.finish() { text += rest }
      tokens.append(Token(id: id, text: text, isSupervised: isSupervised))
    }
    self.tokens = tokens
  }

  package var tokenCount: Int { tokens.count }

  /// The text where it changes from what is learned to what is not.
  package var stretches: [Stretch] {
    tokens.reduce(into: []) { stretches, token in
      let joins = stretches.last?.isSupervised == token.isSupervised
      let before = joins ? stretches.removeLast().text : ""
      stretches.append(Stretch(text: before + token.text, isSupervised: token.isSupervised))
    }
  }
}

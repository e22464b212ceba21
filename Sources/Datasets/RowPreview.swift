package import Tokenizer

/// A row as a person reads it: its text in stretches, each of targets or of none.
package struct RowPreview: Sendable, Equatable {
  package struct Stretch: Sendable, Equatable {
    package let text: String
    package let isSupervised: Bool
  }

  package let tokenCount: Int
  package let stretches: [Stretch]

  /// - Parameter tokenizer: turns ids to text; without one the ids themselves are shown.
  package init(_ row: TokenRow, _ tokenizer: Tokenizer?) {
    tokenCount = row.ids.count
    var decoder = tokenizer.map { StreamingDecoder($0, skipSpecialTokens: false) }
    var stretches: [Stretch] = []
    func append(_ text: String, _ isSupervised: Bool) {
      let before = stretches.last?.isSupervised == isSupervised ? stretches.removeLast().text : ""
      stretches.append(Stretch(text: before + text, isSupervised: isSupervised))
    }
    for (index, (id, isSupervised)) in zip(row.ids, row.supervised).enumerated() {
      append(decoder?.append(id) ?? "\(index > 0 ? " " : "")\(id)", isSupervised)
    }
    if let rest = decoder?.finish(), !rest.isEmpty { append(rest, row.supervised.last ?? false) }
    self.stretches = stretches
  }
}

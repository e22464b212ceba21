/// Why a row of the data is left out.
package enum DropReason: String, Sendable, CaseIterable {
  /// It has no text.
  case empty
  /// Nothing in it is to be learned: the answer is empty, or lies behind what was cut.
  case untaught = "no_targets"
  /// Less is to be learned than was asked for.
  case tooFewTargets = "too_few_targets"
  case tooLong = "too_long"
  case duplicate
}

/// What became of a row of the data.
struct EncodedRow: Sendable {
  let kind: SourceRow.Kind
  /// One, or more where a long text was split; none where it was left out.
  private(set) var rows: [TokenRow] = []
  /// Of each piece that was left out.
  private(set) var dropped: [DropReason] = []
  var isTruncated = false
  /// Whether a token reaches from the prompt into the answer.
  var straddles = false
  var fingerprint: RowFingerprint?

  init(kind: SourceRow.Kind) { self.kind = kind }

  /// Leaves the row out, whatever came of it.
  mutating func drop(_ reason: DropReason) { (rows, dropped) = ([], [reason]) }

  /// Keeps a row if there is enough to learn in it.
  mutating func keep(_ row: TokenRow, _ options: DatasetOptions) {
    let targets = row.supervised.count { $0 }
    if targets >= max(1, options.minimumSupervisedTokens) {
      rows.append(row)
    } else {
      dropped.append(targets == 0 ? .untaught : .tooFewTargets)
    }
  }
}

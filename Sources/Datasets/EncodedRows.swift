import Failures

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

  /// How people say it, after a number of rows.
  package var words: String {
    switch self {
    case .empty: "empty"
    case .untaught: "with nothing to learn"
    case .tooFewTargets: "with too little to learn"
    case .tooLong: "too long"
    case .duplicate: "said before"
    }
  }
}

/// What became of rows of the data that follow one another, up to the first that cannot be encoded. The tokens of all
/// lie end to end: small rows take no memory of their own.
struct EncodedRows: Sendable {
  /// What became of a row of the data.
  struct Row: Sendable {
    let kind: SourceRow.Kind
    let fingerprint: RowFingerprint?
    /// Its pieces: one, or more where a long text was split; none where it was left out.
    fileprivate(set) var pieces: Range<Int>
    /// Of each piece that was left out.
    fileprivate(set) var dropped: [DropReason] = []
    var isTruncated = false
    /// Whether a token reaches from the prompt into the answer.
    var straddles = false
    /// Whether an answer is asked for and empty.
    var isUnanswered = false
    /// Whether the chat template leaves something out.
    var isIncomplete = false

    /// Leaves the row out, whatever came of it.
    mutating func drop(_ reason: DropReason) { (pieces, dropped) = (pieces.lowerBound..<pieces.lowerBound, [reason]) }
  }

  /// A row of the dataset.
  struct Piece: Sendable {
    let tokens: Range<Int>
    let supervisedTokens: Int
  }

  var tokens = EncodedTokens()
  private(set) var pieces: [Piece] = []
  private(set) var rows: [Row] = []
  /// Why the next row cannot be encoded.
  var failure: Failure?
  private let minimumSupervisedTokens: Int

  init(minimumSupervisedTokens: Int) { self.minimumSupervisedTokens = max(1, minimumSupervisedTokens) }

  /// A new row, without pieces.
  func row(_ kind: SourceRow.Kind, _ fingerprint: RowFingerprint?) -> Row {
    Row(kind: kind, fingerprint: fingerprint, pieces: pieces.count..<pieces.count)
  }

  mutating func append(_ row: Row) { rows.append(row) }

  /// Makes the tokens from `start` on a piece of a row, if there is enough to learn in them.
  mutating func keep(from start: Int, in row: inout Row) {
    let targets = tokens.countSupervised(from: start)
    if targets >= minimumSupervisedTokens {
      pieces.append(Piece(tokens: start..<tokens.count, supervisedTokens: targets))
      row.pieces = row.pieces.lowerBound..<pieces.count
    } else {
      tokens.removeAll(from: start)
      row.dropped.append(targets == 0 ? .untaught : .tooFewTargets)
    }
  }
}

/// Tokens, and of each whether it is a target.
struct EncodedTokens {
  private(set) var ids: [Int32] = []
  private(set) var supervised: [Bool] = []

  var count: Int { ids.count }

  mutating func append(_ id: Int32, isSupervised: Bool) {
    ids.append(id)
    supervised.append(isSupervised)
  }

  mutating func append(_ ids: ArraySlice<Int32>, isSupervised: Bool) {
    append(ids, supervised: repeatElement(isSupervised, count: ids.count))
  }

  mutating func append(_ ids: ArraySlice<Int32>, supervised: some Collection<Bool>) {
    self.ids += ids
    self.supervised += supervised
  }

  mutating func append(_ other: EncodedTokens, _ range: Range<Int>) {
    append(other.ids[range], supervised: other.supervised[range])
  }

  mutating func removeAll(from start: Int) {
    ids.removeSubrange(start...)
    supervised.removeSubrange(start...)
  }

  /// Takes out the tokens from `start` on.
  mutating func split(at start: Int) -> EncodedTokens {
    defer { removeAll(from: start) }
    return EncodedTokens(ids: Array(ids[start...]), supervised: Array(supervised[start...]))
  }

  /// The targets of a row that begins at `start`. Nothing predicts its first token.
  fileprivate mutating func countSupervised(from start: Int) -> Int {
    if start < count { supervised[start] = false }
    // As bytes, which are added many at a time.
    return unsafe supervised[start...].withUnsafeBytes { bytes in
      var sum = 0
      for index in bytes.indices { unsafe sum &+= Int(bytes[index]) }
      return sum
    }
  }
}

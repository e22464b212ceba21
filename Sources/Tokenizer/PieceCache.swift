/// What a model made of the pieces that it saw lately: text repeats its words.
struct PieceCache {
  /// Pieces remembered before all are forgotten.
  private static let capacity = 1 << 16
  /// Longer pieces hardly repeat.
  private static let maximumPieceLength = 64

  private var pieces = ByteTable(capacity: 1 << 10)
  private var tokens = TokenRun()
  /// Where the tokens of each piece end; they start where those of the piece before end.
  private var ends: [Int] = []

  /// Appends the tokens of a piece when it is known.
  func write(_ piece: Span<UInt8>, to output: inout TokenRun) -> Bool {
    guard piece.count <= Self.maximumPieceLength, let entry = pieces.entry(of: piece) else { return false }
    for index in (entry == 0 ? 0 : ends[entry - 1])..<ends[entry] {
      output.append(tokens.ids[index], length: Int(tokens.lengths[index]))
    }
    return true
  }

  /// Remembers the tokens of a piece: those of `output` from `start` on.
  mutating func insert(_ piece: Span<UInt8>, _ output: TokenRun, from start: Int) {
    guard piece.count <= Self.maximumPieceLength else { return }
    if pieces.count == Self.capacity { self = PieceCache() }
    guard pieces.insert(piece) != nil else { return }
    for index in start..<output.ids.count {
      tokens.append(output.ids[index], length: Int(output.lengths[index]))
    }
    ends.append(tokens.ids.count)
  }
}

/// How the tokens of a micro-batch are made up of rows that do not see each other.
///
/// Rows lie one after another without padding; positions start anew in each.
package struct Rows: Sendable {
  /// The tokens of each row, in order.
  package let spans: [Range<Int>]
  /// Each token's position in its row, (T).
  package let positions: [UInt32]
  /// Each token's row, as dropout is keyed by it, (T).
  package let keys: [UInt32]

  /// - Parameters:
  ///   - lengths: tokens a row.
  ///   - firstPositions: the position of each row's first token; zeros when absent.
  ///   - keys: what dropout knows each row by; its place when absent.
  package init(lengths: [Int], firstPositions: [Int]? = nil, keys: [UInt32]? = nil) {
    var spans: [Range<Int>] = []
    var positions: [UInt32] = []
    var tokenKeys: [UInt32] = []
    for (row, length) in lengths.enumerated() {
      let start = positions.count
      let first = firstPositions?[row] ?? 0
      spans.append(start..<start + length)
      positions.append(contentsOf: (first..<first + length).map { UInt32($0) })
      tokenKeys.append(contentsOf: repeatElement(keys?[row] ?? UInt32(row), count: length))
    }
    self.spans = spans
    self.positions = positions
    self.keys = tokenKeys
  }

  /// Some of the tokens, each a row of its own that keeps its position and key.
  package func picking(_ tokens: ArraySlice<Int>) -> Rows {
    Rows(
      spans: tokens.indices.map { $0 - tokens.startIndex..<$0 - tokens.startIndex + 1 },
      positions: tokens.map { positions[$0] }, keys: tokens.map { keys[$0] })
  }

  private init(spans: [Range<Int>], positions: [UInt32], keys: [UInt32]) {
    self.spans = spans
    self.positions = positions
    self.keys = keys
  }

  /// Tokens in all rows.
  package var tokens: Int { positions.count }
}

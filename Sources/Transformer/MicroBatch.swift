package import Tensor

/// Some rows of a dataset that go through the model together, one after another without padding, and what it is to
/// predict in them.
package struct MicroBatch: Sendable {
  /// Token ids, (T).
  package let tokens: [Int32]
  package let rows: Rows
  /// The tokens whose hidden state predicts a target: each stands one before its target.
  package let predictors: [Int]
  /// The ids to predict, one a predictor.
  package let targets: [Int32]
  /// How many targets each row has.
  package let targetsPerRow: [Int]

  /// - Parameters:
  ///   - rows: the ids of each row, and for each id whether it is a target. A row's first id never is.
  ///   - keys: what dropout knows each row by.
  package init(rows: [(ids: [Int32], supervised: [Bool])], keys: [UInt32]? = nil) {
    var tokens: [Int32] = []
    var predictors: [Int] = []
    var targets: [Int32] = []
    var targetsPerRow: [Int] = []
    for row in rows {
      precondition(row.ids.count == row.supervised.count)
      let start = tokens.count, before = targets.count
      for position in row.ids.indices.dropFirst() where row.supervised[position] {
        predictors.append(start + position - 1)
        targets.append(row.ids[position])
      }
      tokens.append(contentsOf: row.ids)
      targetsPerRow.append(targets.count - before)
    }
    self.tokens = tokens
    self.rows = Rows(lengths: rows.map(\.ids.count), keys: keys)
    self.predictors = predictors
    self.targets = targets
    self.targetsPerRow = targetsPerRow
  }

  /// Groups rows into micro-batches: consecutive rows of together at most `tokens` tokens, or single longer ones.
  /// - Parameter lengths: of the rows, in tokens.
  package static func ranges(lengths: [Int], tokens most: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0, tokens = 0
    for (row, length) in lengths.enumerated() {
      if row > start, tokens + length > most {
        ranges.append(start..<row)
        (start, tokens) = (row, 0)
      }
      tokens += length
    }
    if start < lengths.count { ranges.append(start..<lengths.count) }
    return ranges
  }
}

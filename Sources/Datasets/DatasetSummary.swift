package import JSON

/// What one split of a dataset holds, as the manifest counts it.
package struct SplitSummary: Sendable, Equatable {
  package private(set) var rows = 0
  package private(set) var tokens = 0
  /// Tokens that the loss counts.
  package private(set) var supervisedTokens = 0
  /// Rows that were cut to the cutoff length.
  package private(set) var truncatedRows = 0
  /// Rows of the data that are left out, by reason.
  package private(set) var dropped: [DropReason: Int] = [:]
  /// Tokens of the longest row.
  package private(set) var longestRow = 0
  /// Rows by the power of two that their length does not exceed.
  private var lengths = [Int](repeating: 0, count: Int.bitWidth)

  package var droppedRows: Int { dropped.values.reduce(0, +) }

  mutating func count(_ entry: RowSpool.Entry) {
    rows += 1
    tokens += entry.length
    supervisedTokens += entry.supervisedTokens
    truncatedRows += entry.isTruncated ? 1 : 0
    longestRow = max(longestRow, entry.length)
    lengths[Int.bitWidth - max(0, entry.length - 1).leadingZeroBitCount] += 1
  }

  mutating func countDropped(_ reason: DropReason) { dropped[reason, default: 0] += 1 }

  /// How many rows have at most so many tokens, and more than the bound before.
  package var lengthHistogram: [(atMost: Int, rows: Int)] {
    lengths.enumerated().filter { $1 > 0 }.map { (1 << $0, $1) }
  }

  /// The counts as the manifest's section has them.
  package var json: JSONObject {
    [
      "rows": .integer(rows), "tokens": .integer(tokens), "supervised_tokens": .integer(supervisedTokens),
      "truncated_rows": .integer(truncatedRows), "dropped_rows": .integer(droppedRows),
      "longest_row": .integer(longestRow),
      "dropped": .object(
        DropReason.allCases.reduce(into: JSONObject()) { $0[$1.rawValue] = dropped[$1].map { .integer($0) } }),
      "length_histogram": .array(
        lengthHistogram.map { ["at_most": .integer($0.atMost), "rows": .integer($0.rows)] }),
    ]
  }
}

/// What preparing a dataset gave.
package struct DatasetSummary: Sendable {
  private var splits = [SplitSummary](repeating: SplitSummary(), count: DatasetSplit.allCases.count)
  /// Rows that each data file gave, in their order, files of validation rows last.
  package internal(set) var sourceRows: [Int] = []
  /// What all rows are; nil when there are none.
  package internal(set) var form: RowForm?
  /// What the user should know, as sentences.
  package internal(set) var warnings: [String] = []
  /// Columns of the first row that are not used.
  package internal(set) var unusedColumns: [String] = []
  /// The first training rows.
  package internal(set) var preview: [RowPreview] = []

  package internal(set) subscript(split: DatasetSplit) -> SplitSummary {
    get { splits[split.position] }
    set { splits[split.position] = newValue }
  }

  mutating func count(_ entry: RowSpool.Entry, in split: DatasetSplit) { splits[split.position].count(entry) }

  package var train: SplitSummary { self[.train] }
  package var validation: SplitSummary { self[.validation] }

  /// The splits that are worth showing: test rows only if there are any.
  package var present: [(split: DatasetSplit, summary: SplitSummary)] {
    DatasetSplit.allCases.filter { $0 != .test || self[$0] != SplitSummary() }.map { ($0, self[$0]) }
  }
}

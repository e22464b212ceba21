package import JSON

/// What one split of a dataset holds, as the manifest counts it.
package struct SplitSummary: Sendable, Equatable {
  package private(set) var rows = 0
  package private(set) var tokens = 0
  /// Tokens that the loss counts.
  package private(set) var supervisedTokens = 0
  /// Rows that were cut to the cutoff length.
  package private(set) var truncatedRows = 0
  /// Rows of the data that are left out because nothing in them is supervised.
  package private(set) var droppedRows = 0
  /// Tokens of the longest row.
  package private(set) var longestRow = 0

  mutating func count(_ encoded: RowEncoder.EncodedRow) {
    guard encoded.isSupervised else { return droppedRows += 1 }
    rows += 1
    tokens += encoded.row.ids.count
    supervisedTokens += encoded.row.supervised.count { $0 }
    truncatedRows += encoded.isTruncated ? 1 : 0
    longestRow = max(longestRow, encoded.row.ids.count)
  }

  /// The counts as the manifest's section has them.
  package var json: JSONObject {
    [
      "rows": .integer(rows), "tokens": .integer(tokens), "supervised_tokens": .integer(supervisedTokens),
      "truncated_rows": .integer(truncatedRows), "dropped_rows": .integer(droppedRows),
      "longest_row": .integer(longestRow),
    ]
  }
}

/// What preparing a dataset gave.
package struct DatasetSummary: Sendable {
  package internal(set) var train = SplitSummary()
  package internal(set) var validation = SplitSummary()
  /// Rows that each data file gave, in the order data file, validation file.
  package internal(set) var sourceRows: [Int] = []
  /// Whether rows came as token ids, so that no tokenizer took part.
  package internal(set) var isPretokenized = false
  /// What the user should know, as sentences.
  package internal(set) var warnings: [String] = []
  /// The first training rows.
  package internal(set) var preview: [RowPreview] = []
}

import Datasets
import StageSupport

extension PrepareData {
  /// Shows what the data gave: a table of counts, warnings, and the first rows if asked for.
  func show(_ summary: DatasetSummary, on console: Console, contextLength: Int) {
    var table = TextTable(
      .text("split"), .number("rows"), .number("tokens"), .number("learned"), .number("longest row"),
      .number("cut rows"), .number("dropped rows"))
    for (name, split) in [("train", summary.train), ("validation", summary.validation)] {
      let counts = [
        split.rows, split.tokens, split.supervisedTokens, split.longestRow, split.truncatedRows,
        split.droppedRows,
      ]
      table.add([name] + counts.map(NumberText.count))
    }
    console.table(table)
    for warning in summary.warnings { console.warn(warning) }
    let longest = max(summary.train.longestRow, summary.validation.longestRow)
    if longest > contextLength {
      console.warn(
        "the longest row has \(longest) tokens, more than the \(contextLength) that the model was made for")
    }
    for (number, row) in summary.preview.enumerated() {
      let text = row.stretches.map { $0.isSupervised ? "⟦\($0.text)⟧" : $0.text }.joined()
      console.note("row \(number + 1), \(row.tokenCount) tokens:\n\(text)")
    }
  }
}

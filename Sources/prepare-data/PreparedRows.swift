import Datasets
import StageSupport

extension PrepareData {
  /// Shows what the data gave: tables of counts and lengths, warnings, and the first rows if asked for.
  func show(_ summary: DatasetSummary, on console: Console, contextLength: Int) {
    console.table(counts(summary))
    console.table(lengths(summary))
    for (split, counts) in summary.present where counts.droppedRows > 0 {
      let reasons = DropReason.allCases.compactMap { reason in
        counts.dropped[reason].map { "\(NumberText.count($0)) \(reason.words)" }
      }
      let text = "left out of \(split.rawValue): " + reasons.joined(separator: ", ")
      // What nobody asked for should reach those too who only see warnings.
      if counts.dropped[.empty] != nil || counts.dropped[.untaught] != nil { console.warn(text) } else { console.note(text) }
    }
    if !summary.unusedColumns.isEmpty {
      console.note("columns that are not used: " + summary.unusedColumns.joined(separator: ", "))
    }
    for warning in summary.warnings { console.warn(warning) }
    let longest = summary.present.map(\.summary.longestRow).max() ?? 0
    if longest > contextLength {
      console.warn(
        "the longest row has \(longest) tokens, more than the \(contextLength) that the model was made for")
    }
    for (number, row) in summary.preview.enumerated() {
      console.note("row \(number + 1), \(row.tokenCount) tokens:\n\(text(of: row, console))")
    }
  }

  private func counts(_ summary: DatasetSummary) -> TextTable {
    var table = TextTable(
      .text("split"), .number("rows"), .number("tokens"), .number("learned"), .number("longest row"),
      .number("cut rows"), .number("dropped rows"))
    for (split, summary) in summary.present {
      let counts = [
        summary.rows, summary.tokens, summary.supervisedTokens, summary.longestRow, summary.truncatedRows,
        summary.droppedRows,
      ]
      table.add([split.rawValue] + counts.map(NumberText.count))
    }
    return table
  }

  private func lengths(_ summary: DatasetSummary) -> TextTable {
    var table = TextTable(.text("split"), .number("tokens up to"), .number("rows"), .text(""))
    for (split, summary) in summary.present {
      let most = summary.lengthHistogram.map(\.rows).max() ?? 1
      for (bound, rows) in summary.lengthHistogram {
        let bar = String(repeating: "▇", count: max(1, 30 * rows / most))
        table.add(split.rawValue, NumberText.count(bound), NumberText.count(rows), bar)
      }
    }
    return table
  }

  /// The row's text with what is learned marked, and its tokens apart: in colour by alternating shades, else with
  /// their ids in a line below.
  private func text(of row: RowPreview, _ console: Console) -> String {
    guard console.isColored else {
      let text = row.stretches.map { $0.isSupervised ? "⟦\($0.text)⟧" : $0.text }.map(Console.printable).joined()
      let ids = row.tokens.map { $0.isSupervised ? "⟦\($0.id)⟧" : "\($0.id)" }.joined(separator: " ")
      return text + "\ntokens: " + ids
    }
    return row.tokens.enumerated().map { index, token in
      let shades = token.isSupervised ? ["1;32", "1;36"] : ["2", "0"]
      return console.styled(Console.printable(token.text), shades[index % 2])
    }.joined()
  }
}

import Pipeline
import StageSupport

extension RunReport {
  /// The evaluations, one a row.
  var table: TextTable {
    var table = TextTable(
      .text("stage"), .text("method"), .number("trainable"), .number("step"), .number("loss"),
      .number("perplexity"), .number("token accuracy"), .number("exact match"))
    for row in evaluations {
      table.add(
        row.name, row.method ?? "none", NumberText.count(row.trainableParameters),
        row.step.map(NumberText.count) ?? "", NumberText.fixed(row.loss, decimals: 4),
        NumberText.short(row.perplexity), percent(row.tokenAccuracy), row.exactMatch.map(percent) ?? "")
    }
    return table
  }

  private func percent(_ share: Double) -> String { NumberText.fixed(share * 100, decimals: 1) + " %" }
}

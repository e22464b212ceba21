import Artifacts
package import Failures

/// What came of a run: the table of its evaluations and the curves of its trainings, for a terminal and as a page.
package struct RunReport: Sendable {
  package let title: String
  package let evaluations: [EvaluationResult]
  package let curves: [LossCurve]

  package init(title: String, _ summary: RunSummary, in store: Store) throws(Failure) {
    self.title = title
    evaluations = try summary.evaluations.map { label, digest throws(Failure) in
      try EvaluationResult(label, try store.object(digest, verify: .sizes))
    }
    curves = summary.trainings.map { LossCurve($0.name, of: $0.digest, in: store) }
      .filter { !$0.points.isEmpty }
  }

  package var isEmpty: Bool { evaluations.isEmpty && curves.isEmpty }

  /// A page that needs nothing but itself.
  package var html: String {
    var body = "<h1>\(HTML.text(title))</h1>"
    if !evaluations.isEmpty {
      body += "<h2>Evaluations</h2>" + table
      let bars = evaluations.filter { $0.label.step == nil }
      body += bar("Loss on the validation rows", bars.map { ($0.name, $0.loss) })
      body += bar("Exact match", bars.compactMap { row in row.exactMatch.map { (row.name, $0) } })
    }
    if !curves.isEmpty {
      body += "<h2>Training</h2>" + LineChart(lines: lines, marks: marks, x: "step", y: "loss").svg
    }
    return HTML.page(title: title, body: body)
  }

  private var lines: [(name: String, points: [(x: Double, y: Double)])] {
    curves.map { curve in (curve.name, curve.points.map { (Double($0.step), $0.loss) }) }
  }

  /// The evaluations along each training, drawn on its curve.
  private var marks: [(name: String, points: [(x: Double, y: Double)])] {
    curves.map { curve in
      let own = evaluations.filter { $0.label.stage == curve.name + ".evaluate" }
      return (curve.name, own.map { (Double($0.label.step ?? 0), $0.loss) })
    }
  }

  private func bar(_ title: String, _ bars: [(name: String, value: Double)]) -> String {
    bars.isEmpty ? "" : "<h3>\(title)</h3>" + BarChart(bars: bars).svg
  }

  private var table: String {
    let heads = [
      "stage", "method", "trainable", "step", "loss", "perplexity", "token accuracy", "exact match",
    ]
    let rows = evaluations.map { row in
      let cells = [
        row.name, row.method ?? "none", "\(row.trainableParameters)", row.step.map { "\($0)" } ?? "",
        HTML.number(row.loss), HTML.number(row.perplexity), HTML.number(row.tokenAccuracy),
        row.exactMatch.map(HTML.number) ?? "",
      ]
      return "<tr>" + cells.map { "<td>\(HTML.text($0))</td>" }.joined() + "</tr>"
    }
    let head = "<tr>" + heads.map { "<th>\($0)</th>" }.joined() + "</tr>"
    return "<table>\(head)\(rows.joined())</table>"
  }
}

/// Colours that can be told apart, also by people who see fewer of them (Okabe and Ito).
private let palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]

/// A number in a drawing: tenths are fine enough.
private func place(_ value: Double) -> String { HTML.number((value * 10).rounded() / 10) }

/// Lines over a common axis, as inline SVG.
package struct LineChart {
  package typealias Line = (name: String, points: [(x: Double, y: Double)])

  let lines: [Line]
  /// Single values on the lines of the same index.
  let marks: [Line]
  let x: String
  let y: String

  package init(lines: [Line], marks: [Line] = [], x: String, y: String) {
    (self.lines, self.marks, self.x, self.y) = (lines, marks, x, y)
  }

  private static let (width, height) = (760.0, 320.0)
  private static let (left, right, top, bottom) = (56.0, 16.0, 28.0, 36.0)
  /// More points than a screen has columns are thinned out.
  private static let resolution = 1000

  package var svg: String {
    let points = (lines + marks).flatMap(\.points)
    let xs = Axis(points.map(\.x), from: Self.left, to: Self.width - Self.right)
    let ys = Axis(points.map(\.y), from: Self.height - Self.bottom, to: Self.top)
    var body = grid(xs, ys)
    for (index, line) in lines.enumerated() {
      let color = palette[index % palette.count]
      let step = max(1, line.points.count / Self.resolution)
      let thinned = line.points.indices.filter { $0 % step == 0 || $0 == line.points.count - 1 }
      let path = thinned.map { i in "\(place(xs(line.points[i].x))),\(place(ys(line.points[i].y)))" }
      body += "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.6\" "
      body += "points=\"\(path.joined(separator: " "))\"/>"
      body += "<text x=\"\(place(Self.left + 8 + Double(index) * 150))\" y=\"16\" style=\"fill:\(color)\">"
      body += "\(HTML.text(line.name))</text>"
    }
    for (index, line) in marks.enumerated() {
      for point in line.points {
        body += "<circle cx=\"\(place(xs(point.x)))\" cy=\"\(place(ys(point.y)))\" r=\"4\" "
        body += "fill=\"\(palette[index % palette.count])\"><title>\(HTML.text(line.name)) "
        body += "evaluated at \(HTML.number(point.x)): \(HTML.number(point.y))</title></circle>"
      }
    }
    return "<svg viewBox=\"0 0 \(place(Self.width)) \(place(Self.height))\" role=\"img\">\(body)</svg>"
  }

  private func grid(_ xs: Axis, _ ys: Axis) -> String {
    var body = ""
    for tick in ys.ticks {
      let at = place(ys(tick))
      body += "<line class=\"grid\" x1=\"\(place(Self.left))\" x2=\"\(place(Self.width - Self.right))\" "
      body += "y1=\"\(at)\" y2=\"\(at)\"/>"
      body += "<text x=\"\(place(Self.left - 6))\" y=\"\(at)\" dy=\"4\" text-anchor=\"end\">"
      body += "\(HTML.number(tick))</text>"
    }
    for tick in xs.ticks {
      body += "<text x=\"\(place(xs(tick)))\" y=\"\(place(Self.height - 18))\" text-anchor=\"middle\">"
      body += "\(HTML.number(tick))</text>"
    }
    body += "<text x=\"\(place(Self.width / 2))\" y=\"\(place(Self.height - 2))\" "
    body += "text-anchor=\"middle\">\(x)</text>"
    return body + "<text x=\"4\" y=\"16\">\(y)</text>"
  }
}

/// One bar a name, as inline SVG.
struct BarChart {
  let bars: [(name: String, value: Double)]

  var svg: String {
    let (width, row, label) = (760.0, 26.0, 200.0)
    let scale = Axis([0] + bars.map(\.value), from: label, to: width - 70)
    var body = ""
    for (index, bar) in bars.enumerated() {
      let y = Double(index) * row
      let length = max(scale(bar.value) - label, 1)
      body += "<text x=\"\(place(label - 8))\" y=\"\(place(y + 17))\" text-anchor=\"end\">"
      body += "\(HTML.text(bar.name))</text>"
      body += "<rect x=\"\(place(label))\" y=\"\(place(y + 4))\" width=\"\(place(length))\" height=\"18\" "
      body += "rx=\"2\" fill=\"\(palette[index % palette.count])\"/>"
      body +=
        "<text x=\"\(place(label + length + 6))\" y=\"\(place(y + 17))\">\(HTML.number(bar.value))</text>"
    }
    let height = Double(bars.count) * row
    return "<svg viewBox=\"0 0 \(place(width)) \(place(height))\" role=\"img\">\(body)</svg>"
  }
}

/// Values laid out along a line of a drawing.
private struct Axis {
  /// Round values to write beside it.
  let ticks: [Double]
  private let (low, high): (Double, Double)
  private let (start, end): (Double, Double)

  init(_ values: [Double], from start: Double, to end: Double) {
    let finite = values.filter(\.isFinite)
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    let span = high > low ? high - low : max(abs(high), 1)
    // The distance of ticks is 1, 2 or 5 times a power of ten.
    var unit = 1.0
    while unit * 10 <= span { unit *= 10 }
    while unit > span, unit > 1e-12 { unit /= 10 }
    let distance = [unit / 5, unit / 2, unit, unit * 2, unit * 5].first { span / $0 <= 6 } ?? unit * 10
    let first = (low / distance).rounded(.down)
    let count = Int(min(((high / distance).rounded(.up) - first), 100))
    ticks = (0...max(count, 1)).map { (first + Double($0)) * distance }
    (self.low, self.high) = (ticks[0], ticks[ticks.count - 1])
    (self.start, self.end) = (start, end)
  }

  func callAsFunction(_ value: Double) -> Double {
    let clamped = value.isFinite ? min(max(value, low), high) : low
    return start + (clamped - low) / (high - low) * (end - start)
  }
}

import JSON

/// How far a running stage has come: `{"progress":{"done":3,"total":40,"unit":"step","rate":1.9,"loss":2.1}}`.
package struct StageProgress: Sendable, Equatable {
  package var done: Int
  package var total: Int
  package var unit: String
  /// Units a second.
  package var rate: Double?
  package var loss: Double?

  package init(done: Int, total: Int, unit: String, rate: Double? = nil, loss: Double? = nil) {
    (self.done, self.total, self.unit, self.rate, self.loss) = (done, total, unit, rate, loss)
  }

  /// Nil when the line is something else.
  package init?(line: some StringProtocol) {
    guard line.hasPrefix("{\"progress\""), line.utf8.count < 10_000,
      let document = try? JSONDocument(String(line), source: "progress"),
      let progress = document.root["progress"], let done = progress["done"]?.integerValue,
      let total = progress["total"]?.integerValue, done >= 0, total >= 0
    else { return nil }
    self.init(
      done: done, total: total, unit: progress["unit"]?.stringValue ?? "",
      rate: progress["rate"]?.doubleValue, loss: progress["loss"]?.doubleValue)
  }

  /// Seconds to the end at this rate.
  package var secondsLeft: Double? {
    guard let rate, rate > 0 else { return nil }
    return Double(max(total - done, 0)) / rate
  }
}

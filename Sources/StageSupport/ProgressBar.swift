import JSON
import Synchronization

/// How far a piece of work has come: a live bar on a terminal, now and then a plain line elsewhere, or JSON lines.
package final class ProgressBar: Sendable {
  private struct State {
    var done: Int
    var extra: [(name: String, value: Double)] = []
    var lastShown: Double?
    var finished = false
  }

  private let console: Console
  private let label: String
  private let total: Int
  private let unit: String
  private let startedAt: Double
  private let startedFrom: Int
  private let state: Mutex<State>

  /// Seconds between two showings: often enough to look alive, rarely enough to cost nothing.
  private static func interval(_ form: Console.Form) -> Double {
    switch form {
    case .terminal: 0.1
    case .json: 0.2
    case .plain: 5
    }
  }

  init(console: Console, label: String, total: Int, unit: String, startingAt: Int) {
    self.console = console
    self.label = label
    self.total = total
    self.unit = unit
    startedAt = console.now()
    startedFrom = startingAt
    state = Mutex(State(done: startingAt))
  }

  /// Work that ends in an error leaves its line as it stands, so that the message begins on a new one.
  deinit {
    if state.withLock({ !$0.finished && $0.lastShown != nil }), !console.isQuiet, console.form == .terminal {
      console.endLive()
    }
  }

  /// Sets how much is done, with numbers to show beside it, such as the loss.
  package func update(_ done: Int, _ extra: [(name: String, value: Double)] = []) {
    let now = console.now()
    let due: Bool = state.withLock { state in
      state.done = done
      state.extra = extra
      // A log gets its first line after an interval, so that short work shows only its last.
      let last = state.lastShown ?? (console.form == .plain ? startedAt : -.infinity)
      guard !state.finished, now - last >= Self.interval(console.form) else { return false }
      state.lastShown = now
      return true
    }
    if due { show(at: now) }
  }

  /// Adds to what is done.
  package func advance(by amount: Int) {
    update(state.withLock { $0.done } + amount)
  }

  /// Shows the last state and ends the line. Calling it again does nothing.
  package func finish() {
    let first = state.withLock { state in
      defer { state.finished = true }
      return !state.finished
    }
    guard first else { return }
    show(at: console.now())
    if !console.isQuiet, console.form == .terminal { console.endLive() }
  }

  // MARK: - Showing

  private func show(at now: Double) {
    guard !console.isQuiet else { return }
    let (done, extra) = state.withLock { ($0.done, $0.extra) }
    let elapsed = now - startedAt
    let rate = elapsed > 0 && done > startedFrom ? Double(done - startedFrom) / elapsed : nil
    switch console.form {
    case .json: console.writeLine(jsonLine(done, rate, extra))
    case .plain: console.writeLine("\(label) " + facts(done, rate, elapsed, extra).joined(separator: ", "))
    case .terminal: console.showLive { self.barLine(width: $0, done, rate, elapsed, extra) }
    }
  }

  private func facts(
    _ done: Int, _ rate: Double?, _ elapsed: Double, _ extra: [(name: String, value: Double)]
  ) -> [String] {
    let unit = NumberText.Unit(unit)
    var facts = [unit.share(done, of: total)]
    if let rate {
      facts.append(unit.rate(rate))
      let left = Double(total - done) / rate
      facts.append(
        done < total
          ? "ETA \(NumberText.duration(seconds: left))" : "in \(NumberText.duration(seconds: elapsed))")
    }
    return facts + extra.map { "\($0.name) \(NumberText.short($0.value))" }
  }

  private func barLine(
    width: Int, _ done: Int, _ rate: Double?, _ elapsed: Double, _ extra: [(name: String, value: Double)]
  ) -> String {
    let text = facts(done, rate, elapsed, extra).joined(separator: "  ")
    let room = min(30, width - label.count - text.count - 5)
    guard room >= 5 else { return "\(label) \(text)" }
    let share = total > 0 ? min(1, max(0, Double(done) / Double(total))) : 1
    let filled = Int(share * Double(room))
    let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: room - filled)
    return "\(label) [\(bar)] \(text)"
  }

  private func jsonLine(_ done: Int, _ rate: Double?, _ extra: [(name: String, value: Double)]) -> String {
    var progress: JSONObject = ["done": .integer(done), "total": .integer(total), "unit": .string(unit)]
    progress["label"] = .string(label)
    if let rate { progress["rate"] = .number(rate) }
    for (name, value) in extra where value.isFinite { progress[name] = .number(value) }
    return JSON.object(["progress": .object(progress)]).text(indent: 0)
  }
}

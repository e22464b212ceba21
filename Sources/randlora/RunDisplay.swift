import Failures
import Glibc
import JSON
import Pipeline
import StageSupport
import Synchronization

/// What a person sees of a run: a line for what happened, and on a terminal a live line for every running stage.
final class RunDisplay: Sendable {
  private enum Form { case live, plain, json }

  private struct State {
    var progress = RunProgress()
    /// The seconds that are left, by the seconds that each stage had.
    var left: @Sendable ([String: Double]) -> (seconds: Double, unknown: Int)? = { _ in nil }
    var liveLines = 0
    var lastDrawn = 0.0
    var lastPlain: [RunEvent.Label: Double] = [:]
  }

  private let form: Form
  private let isQuiet: Bool
  private let isDryRun: Bool
  private let colored: Bool
  private let state = Mutex(State())

  init(json: Bool, quiet: Bool, dryRun: Bool) {
    let isTerminal = isatty(STDERR_FILENO) == 1 && Console.environment("TERM") != "dumb"
    form = json ? .json : isTerminal && !quiet ? .live : .plain
    isQuiet = quiet
    isDryRun = dryRun
    colored = Console.isColored(terminal: isTerminal)
  }

  func show(_ event: RunEvent) {
    if form == .json { Console.printResult(JSON.object(event.json).text(indent: 0)) }
    state.withLock { state in
      state.progress.note(event, at: Console.monotonicSeconds())
      switch event {
      case .failed(let label, let failure, let lines, let log):
        print(failureLines(label, failure, lines, log), &state)
      case .warned(let label, let text): print(["\(styled("warning:", "1;33")) \(label): \(Console.printable(text))"], &state)
      default:
        if !isQuiet, form != .json, let line = line(event, &state) { print([line], &state) }
      }
      redraw(&state, atOnce: !event.isProgress)
    }
  }

  /// Keeps the live lines going while nothing happens, until the task is cancelled.
  ///
  /// - Parameter left: tells the seconds to the end of the run.
  func follow(left: @escaping @Sendable ([String: Double]) -> (seconds: Double, unknown: Int)?) -> Task<Void, Never> {
    state.withLock { $0.left = left }
    guard form == .live else { return Task {} }
    return Task {
      while (try? await Task.sleep(for: .milliseconds(500))) != nil {
        state.withLock { redraw(&$0, atOnce: false) }
      }
    }
  }

  // MARK: - Lines

  private func line(_ event: RunEvent, _ state: inout State) -> String? {
    switch event {
    case .wouldRun(let label, let reasons): return "would run \(label): \(text(reasons))"
    case .fetched(let label, _): return "fetched   \(label) from upstream"
    case .pushed(let label, _, let place): return "pushed    \(label) to \(place)"
    case .waiting(let label, let holder): return "waiting   \(label): \(holder) is making it"
    case .started(let label, let reasons):
      return form == .plain ? "running   \(label): \(text(reasons))" : nil
    case .progress(let label, let progress):
      return form == .plain ? plainProgress(label, progress, &state) : nil
    case .retrying(let label, let failure, let attempt, let retries):
      return "retrying  \(label): \(Console.printable(failure.message)) (retry \(attempt) of \(retries))"
    case .finished(let label, _, let seconds):
      return "\(styled("made", "32"))      \(label) in \(NumberText.fixed(seconds, decimals: 1)) s"
    case .interrupted(let label, let step):
      return "stopped   \(label)" + (step.map { ", kept at step \($0)" } ?? "")
    case .skipped(let label, let cause): return "skipped   \(label): \(cause) was not made"
    case .compared(let label, let difference, let same):
      if same { return "the same  \(label)" }
      return (["\(styled("differs", "1;31"))   \(label)"] + difference.lines.map { "          " + $0 }).joined(
        separator: "\n")
    case .exported(let label, let path): return "exported  \(label) to \(path)"
    case .wouldExport(let label, let path): return "would export \(label) to \(path)"
    case .reused, .failed, .warned: return nil
    }
  }

  private func text(_ reasons: [RerunReason]) -> String { reasons.map(\.text).joined(separator: "; ") }

  /// One line in ten seconds is enough for a log.
  private func plainProgress(
    _ label: RunEvent.Label, _ progress: StageProgress, _ state: inout State
  ) -> String? {
    let now = Console.monotonicSeconds()
    let started = state.progress.startedAt(label) ?? now
    guard now - (state.lastPlain[label] ?? started) >= 10 else { return nil }
    state.lastPlain[label] = now
    return "          \(label) \(facts(progress))"
  }

  private func facts(_ progress: StageProgress) -> String {
    let unit = NumberText.Unit(progress.unit)
    var facts = [unit.share(progress.done, of: progress.total)]
    if let rate = progress.rate { facts.append(unit.rate(rate)) }
    if let left = progress.secondsLeft { facts.append("ETA \(NumberText.duration(seconds: left))") }
    if let loss = progress.loss { facts.append("loss \(NumberText.short(loss))") }
    return facts.joined(separator: "  ")
  }

  private func failureLines(
    _ label: RunEvent.Label, _ failure: Failure, _ lines: [String], _ log: String?
  ) -> [String] {
    var result = ["\(styled("error:", "1;31")) \(label): \(Console.printable(failure.message))"]
    if let hint = failure.hint { result.append("\(styled("hint:", "1")) \(Console.printable(hint))") }
    result += lines.suffix(8).map { "  | \(Console.printable($0))" }
    if let log { result.append("  log: \(log)") }
    return result
  }

  private func styled(_ text: String, _ code: String) -> String {
    colored ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }

  // MARK: - The terminal

  private func print(_ lines: [String], _ state: inout State) {
    Console.writeAll(erased(&state) + lines.joined(separator: "\n") + "\n", to: STDERR_FILENO)
  }

  /// What takes the live lines away again.
  private func erased(_ state: inout State) -> String {
    defer { state.liveLines = 0 }
    return state.liveLines == 0 ? "" : "\r\u{1B}[\(state.liveLines)A\u{1B}[J"
  }

  private func redraw(_ state: inout State, atOnce: Bool) {
    let now = Console.monotonicSeconds()
    guard form == .live, atOnce || now - state.lastDrawn >= 0.1 else { return }
    state.lastDrawn = now
    let erasure = erased(&state)
    let (columns, rows) = terminalSize
    let running = state.progress.running
    var lines = running.prefix(max(1, rows - 3)).map { liveLine($0.label, $0.startedAt, $0.progress, now) }
    if lines.count < running.count { lines.append("… and \(running.count - lines.count) more") }
    if !running.isEmpty { lines.append(state.progress.summary(at: now, left: state.left)) }
    lines = lines.map { String($0.prefix(columns - 1)) }
    state.liveLines = lines.count
    Console.writeAll(erasure + lines.map { $0 + "\n" }.joined(), to: STDERR_FILENO)
  }

  private func liveLine(
    _ label: RunEvent.Label, _ startedAt: Double, _ progress: StageProgress?, _ now: Double
  ) -> String {
    var line = "\(label) "
    if let progress {
      let share = progress.total > 0 ? min(1, Double(progress.done) / Double(progress.total)) : 0
      let filled = Int(share * 20)
      line += "[\(String(repeating: "=", count: filled) + String(repeating: " ", count: 20 - filled))] "
      line += facts(progress)
    } else {
      line += NumberText.duration(seconds: now - startedAt)
    }
    return line
  }

  private var terminalSize: (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return (80, 24) }
    return (Int(size.ws_col), max(4, Int(size.ws_row)))
  }

  // MARK: - The end

  /// The results of all evaluations; they are what the run was for, so they go to standard output.
  func show(_ report: RunReport, page: String) {
    if form == .json { return }
    if !report.evaluations.isEmpty {
      Console.printResult(report.table.lines.joined(separator: "\n"))
    }
    if !isQuiet { Console.writeAll("report: \(page)\n", to: STDERR_FILENO) }
  }

  func end(_ summary: RunSummary, _ report: RunReport) {
    if form == .json {
      var object = summary.json
      object["evaluations"] = .array(report.evaluations.map { .object($0.json) })
      Console.printResult(JSON.object(object).text(indent: 0))
    } else if !isQuiet {
      if !summary.unmade.isEmpty {
        let names = summary.unmade.joined(separator: ", ")
        Console.writeAll("not made after this: \(names); --keep-going makes what does not need it\n", to: STDERR_FILENO)
      }
      let made = "\(summary.ran) \(isDryRun ? "to run" : "made"), \(summary.reused) up to date"
      let stopped = summary.exitCode == Failure.Kind.interrupted.rawValue
      let advice = stopped ? "; the same command goes on from here" : ""
      Console.writeAll(made + advice + "\n", to: STDERR_FILENO)
    }
  }
}

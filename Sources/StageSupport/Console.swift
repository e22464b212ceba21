import Artifacts
package import Failures
import Glibc
import JSON
import Synchronization

/// What a program says to the person who runs it. All of it goes to standard error: standard output carries results.
package final class Console: Sendable {
  /// How progress is shown.
  package enum Form: Sendable {
    /// One live line, redrawn in place.
    case terminal
    /// A plain line now and then, for logs.
    case plain
    /// JSON lines, for a program that draws bars itself.
    case json
  }

  package let form: Form
  package let isQuiet: Bool
  /// Whether text may be styled: on a terminal or where CLICOLOR_FORCE asks for it, unless NO_COLOR forbids it.
  package let isColored: Bool
  private let width: @Sendable () -> Int
  private let write: @Sendable (String) -> Void
  /// Seconds since some fixed moment.
  let now: @Sendable () -> Double
  /// The live line that stands on the terminal now, empty if none.
  private let liveLine = Mutex("")

  package init(
    form: Form, quiet: Bool = false, colored: Bool = false, width: @escaping @Sendable () -> Int = { 80 },
    now: @escaping @Sendable () -> Double = { Console.monotonicSeconds() },
    write: @escaping @Sendable (String) -> Void = { Console.writeAll($0, to: STDERR_FILENO) }
  ) {
    self.form = form
    self.isQuiet = quiet
    isColored = colored
    self.width = width
    self.now = now
    self.write = write
  }

  /// The console of this process: a live line if standard error is a terminal, JSON lines if `RANDLORA_PROGRESS=json`.
  package static func standard(quiet: Bool) -> Console {
    let isTerminal = isatty(STDERR_FILENO) == 1 && environment("TERM") != "dumb"
    let form: Form = environment("RANDLORA_PROGRESS") == "json" ? .json : isTerminal ? .terminal : .plain
    return Console(form: form, quiet: quiet, colored: isColored(terminal: isTerminal), width: { terminalWidth() })
  }

  /// Whether what goes to a terminal, or elsewhere, may be styled: see `isColored`.
  package static func isColored(terminal: Bool) -> Bool {
    let isForced = !["", "0"].contains(environment("CLICOLOR_FORCE") ?? "")
    return (terminal || isForced) && (environment("NO_COLOR") ?? "").isEmpty
  }

  /// Tells something worth knowing, unless quiet.
  package func note(_ text: String) {
    if !isQuiet { print(text) }
  }

  /// Shows a table, unless quiet.
  package func table(_ table: TextTable) {
    note(table.lines.joined(separator: "\n"))
  }

  /// Warns of something that is not an error; shown even when quiet.
  package func warn(_ text: String) {
    print("\(styled("warning:", "1;33")) \(Self.printable(text))")
  }

  /// Reports why the program ends; shown even when quiet.
  package func report(_ failure: Failure) {
    print("\(styled("error:", "1;31")) \(Self.printable(failure.message))")
    if let hint = failure.hint { print("\(styled("hint:", "1")) \(Self.printable(hint))") }
  }

  /// A bar for `total` units of work, shown as it advances.
  ///
  /// - Parameters:
  ///   - label: what is being done ("training"), shown before the bar.
  ///   - unit: what is counted, in the singular ("step"); "byte" is shown in MB and GB.
  ///   - startingAt: work that was done before, left out of the rate.
  package func progress(_ label: String, total: Int, unit: String, startingAt: Int = 0) -> ProgressBar {
    ProgressBar(console: self, label: label, total: total, unit: unit, startingAt: startingAt)
  }

  /// A bar for bytes on their way, from when the work knows how many they are; none for none.
  ///
  /// - Parameter work: calls `begin` with the total, and what that returns with the bytes that came or went.
  package func transfer<Result>(
    _ label: String, _ work: (_ begin: (_ total: Int) -> (Int) -> Void) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var bar: ProgressBar?
    let result = try work { total in
      guard total > 0 else { return { _ in } }
      let begun = progress(label, total: total, unit: "byte")
      bar = begun
      return { begun.advance(by: $0) }
    }
    bar?.finish()
    return result
  }

  /// A text from outside without what commands a terminal: the pictures of control characters (U+2400) in their place. Line
  /// breaks and tabs stay.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let picture = scalar.value == 0x7F ? 0x2421 : scalar.value < 0x20 ? 0x2400 + scalar.value : 0xFFFD
      shown.append(isControl(scalar) ? Unicode.Scalar(picture) ?? scalar : scalar)
    }
    return String(shown)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    (scalar.value < 0x20 && scalar != "\n" && scalar != "\t") || (0x7F...0x9F).contains(scalar.value)
  }

  /// A text in a style, given as the numbers of its escape sequence, where text may be styled.
  package func styled(_ text: String, _ code: String) -> String {
    isColored ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }

  // MARK: - The live line

  private static let clearLine = "\r\u{1B}[K"

  private func print(_ text: String) {
    liveLine.withLock { line in
      write(line.isEmpty ? text + "\n" : Self.clearLine + text + "\n" + line)
    }
  }

  /// Replaces the live line, cut to the width of the terminal.
  func showLive(_ makeLine: (_ width: Int) -> String) {
    let columns = max(20, width())
    let text = String(makeLine(columns - 1).prefix(columns - 1))
    liveLine.withLock { line in
      line = text
      write(Self.clearLine + text)
    }
  }

  /// Leaves the live line as it stands and goes on below it.
  func endLive() {
    liveLine.withLock { line in
      if !line.isEmpty { write("\n") }
      line = ""
    }
  }

  func writeLine(_ text: String) { print(text) }
}

// MARK: - The process's own streams

extension Console {
  /// The first error that standard output gave; 0 for none.
  private static let resultError = Mutex<CInt>(0)

  /// Writes results to standard output. That it does not take them is told by `requireResults`.
  package static func printResult(_ text: String) {
    writeResult(text.utf8.last == UInt8(ascii: "\n") ? text : text + "\n")
  }

  /// Writes a part of a result that comes bit by bit.
  ///
  /// - Throws: `Failure.io` when standard output does not take it, so that nobody waits for more.
  package static func printPart(_ text: String) throws(Failure) {
    writeResult(text)
    try requireResults()
  }

  private static func writeResult(_ text: String) {
    let error = writeAll(text, to: STDOUT_FILENO)
    resultError.withLock { if $0 == 0 { $0 = error } }
  }

  /// - Throws: `Failure.io` when standard output did not take all results of this process.
  package static func requireResults() throws(Failure) {
    let error = resultError.withLock { $0 }
    if error != 0 { throw Failure(.io, "cannot write to standard output: \(errorText(error))") }
  }

  /// An environment variable's value, or nil when it is not set.
  package static func environment(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  package static func monotonicSeconds() -> Double {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Writes as much as the descriptor takes; a stream that is closed or full loses the rest, as stdio would.
  ///
  /// - Returns: the error, 0 for none.
  @discardableResult
  package static func writeAll(_ text: String, to descriptor: CInt) -> CInt {
    var text = text
    return text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let written = unsafe Glibc.write(
          descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if written < 0, errno == EINTR { continue }
        if written <= 0 { return errno }
        done += written
      }
      return 0
    }
  }

  private static func terminalWidth() -> Int {
    var size = winsize()
    guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}

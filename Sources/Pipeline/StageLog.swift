import Artifacts
import Failures
import Glibc
import Synchronization

/// Sorts what a stage says: progress to the display, everything else to its log, of any amount in little memory.
final class StageLog: Sendable {
  /// What a log may hold: a stage that says more has a fault.
  private static let limit = 64 << 20
  private static let linesKept = 20
  private static let lettersShown = 400
  /// A line is at most so long; a longer one counts as several.
  private static let lineLimit = 16 << 10

  private let descriptor: Int32
  private let progress: @Sendable (StageProgress) -> Void
  private let state = Mutex(State())

  private struct State {
    var written = 0
    /// The end of what was written.
    var tail: [UInt8] = []
    /// The beginning of a line whose end has not come yet.
    var pending: [UInt8] = []
  }

  /// - Parameter isContinued: whether what an earlier attempt said is kept.
  init(
    _ path: String, isContinued: Bool = false, progress: @escaping @Sendable (StageProgress) -> Void
  ) throws(Failure) {
    let fresh = isContinued ? 0 : O_TRUNC
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | fresh | O_APPEND | O_CLOEXEC, 0o666)
    self.progress = progress
    guard descriptor >= 0 else { throw Failure(.io, "cannot write the log \(path): \(errorText())") }
  }

  deinit { close(descriptor) }

  /// The last lines, progress left out, and of each as much as people read.
  var lastLines: [String] {
    lines.suffix(Self.linesKept).map { $0.count > Self.lettersShown ? "… " + $0.suffix(Self.lettersShown) : String($0) }
  }

  /// What it warned of last.
  var warnings: [String] {
    let mark = "warning: "
    return lines.filter { $0.hasPrefix(mark) }.suffix(Self.linesKept).map { String($0.dropFirst(mark.count)) }
  }

  private var lines: [Substring] {
    state.withLock { String(decoding: $0.tail + $0.pending, as: UTF8.self) }.split(separator: "\n")
  }

  func take(_ bytes: ArraySlice<UInt8>) {
    state.withLock { state in
      state.pending += bytes
      let end = state.pending.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
      let length = state.pending.count - end > Self.lineLimit ? state.pending.count : end
      let lines = state.pending[..<length]
      if Self.mayHoldProgress(lines) { takeLines(lines, &state) } else { write(lines, &state) }
      state.pending.removeFirst(length)
    }
  }

  /// Writes what came last, without a line break at its end.
  func finish() {
    state.withLock { state in
      write(state.pending[...], &state)
      state.pending = []
    }
  }

  private func takeLines(_ bytes: ArraySlice<UInt8>, _ state: inout State) {
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      if line.first == UInt8(ascii: "{"), let progress = StageProgress(line: String(decoding: line, as: UTF8.self)) {
        self.progress(progress)
      } else {
        write(line + [UInt8(ascii: "\n")], &state)
      }
    }
  }

  private func write(_ bytes: ArraySlice<UInt8>, _ state: inout State) {
    state.tail = Array((state.tail + bytes.suffix(Self.lineLimit)).suffix(Self.lineLimit))
    guard state.written < Self.limit else { return }
    var text = Array(bytes.prefix(Self.limit - state.written))
    state.written += text.count
    if state.written == Self.limit { text += Array("\n(the log is full: what follows is not kept)\n".utf8) }
    _ = unsafe text.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }

  private static func mayHoldProgress(_ bytes: ArraySlice<UInt8>) -> Bool {
    unsafe bytes.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return false }
      return unsafe memchr(start, Int32(UInt8(ascii: "{")), bytes.count) != nil
    }
  }
}

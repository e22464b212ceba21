import Failures
import FoundationEssentials
import Glibc
import JSON
import StageSupport

/// What a command and all its descendants took.
struct MeasuredCommand {
  let processorSeconds: Double
  let seconds: Double
  /// The most resident memory of any of them.
  let peakBytes: Int
  let output: String

  /// Runs a shell command in a directory to its end.
  ///
  /// - Throws: `Failure.io` when it does not exit with 0.
  init(_ command: String, in directory: String) throws(Failure) {
    let start = Console.monotonicSeconds()
    let capture = directory + "/.output"
    let words = ["/bin/sh", "-c", "cd '\(directory)' && { \(command)\n} > '\(capture)' 2>&1"]
    var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { unsafe pointers.forEach { unsafe free($0) } }
    var process = pid_t()
    guard unsafe posix_spawn(&process, words[0], nil, nil, &pointers, environ) == 0 else {
      throw Failure(.io, "cannot start \(words[0])")
    }
    var (status, usage) = (Int32(), rusage())
    while unsafe wait4(process, &status, 0, &usage) < 0 && errno == EINTR {}
    seconds = Console.monotonicSeconds() - start
    let time = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    processorSeconds = time(usage.ru_utime) + time(usage.ru_stime)
    peakBytes = usage.ru_maxrss * 1024
    output = (try? String(contentsOfFile: capture, encoding: .utf8)) ?? ""
    guard status == 0 else { throw Failure(.io, "'\(command)' failed: \(output.suffix(500))") }
  }

  var json: JSONObject {
    [
      "cpu_seconds": .number(processorSeconds), "wall_seconds": .number(seconds), "peak_bytes": .integer(peakBytes),
    ]
  }

  /// The one of several runs whose processor time is in the middle.
  static func median(of count: Int, _ command: String, in directory: String) throws(Failure) -> MeasuredCommand {
    var runs: [MeasuredCommand] = []
    for _ in 0..<count { runs.append(try MeasuredCommand(command, in: directory)) }
    return runs.sorted { $0.processorSeconds < $1.processorSeconds }[count / 2]
  }

  /// The result of a benchmark that runs in a process of its own.
  ///
  /// - Parameter arguments: this program's, from the subcommand on.
  static func benchmark(_ arguments: [String], in directory: String) throws(Failure) -> JSONCursor {
    let words = ([ownPath] + arguments).map { "'" + $0.replacing("'", with: "'\\''") + "'" }
    let measured = try MeasuredCommand(words.joined(separator: " "), in: directory)
    let json = measured.output.drop { $0 != "{" }  // after the table
    return try JSONDocument(Array(json.utf8), source: "benchmark \(arguments.first ?? "")").cursor.field("result")
  }

  /// Where this program lies.
  private static var ownPath: String {
    guard let path = unsafe realpath("/proc/self/exe", nil) else { return "benchmark" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  /// Where this program and the others beside it lie.
  static var ownDirectory: String { URL(filePath: ownPath).deletingLastPathComponent().path }
}

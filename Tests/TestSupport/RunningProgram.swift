import Foundation
package import JSON

/// What a program said and how it ended.
package struct Outcome {
  package let code: Int32
  /// The signal that ended it; nil when it ended by itself.
  package let signal: Int32?
  package let output: String
  package let errors: String

  package init(code: Int32, signal: Int32?, output: String, errors: String) {
    (self.code, self.signal, self.output, self.errors) = (code, signal, output, errors)
  }

  /// The JSON that was printed on standard output.
  package func json() throws -> JSON { try JSONDocument(output, source: "standard output").root }
}

/// A program at work, with its streams in files.
package struct RunningProgram {
  let process: Process
  let output: String
  let errors: String
  let narrow: NarrowPipe?

  /// Waits until it stands still because its narrow pipe is full.
  /// - Returns: false when it ended before.
  package func waitUntilHeld() -> Bool {
    // "1 0x2 …": in write(2), on standard error.
    let path = "/proc/\(process.processIdentifier)/syscall"
    while process.isRunning {
      if (try? String(contentsOfFile: path, encoding: .utf8))?.hasPrefix("1 0x2 ") == true { return true }
      Thread.sleep(forTimeInterval: 0.005)
    }
    return false
  }

  /// Sends a signal.
  package func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits until it has ended.
  package func outcome() throws -> Outcome {
    let said = try narrow?.read()
    process.waitUntilExit()
    let signal = process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil
    return Outcome(
      code: process.terminationStatus, signal: signal, output: try text(of: output),
      errors: try said ?? text(of: errors))
  }

  private func text(of stream: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: stream)), as: UTF8.self)
  }
}

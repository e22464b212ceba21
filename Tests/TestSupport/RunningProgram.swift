import Foundation
package import JSON

/// What a program said and how it ended.
package struct Outcome {
  package let code: Int32
  /// The signal that ended it; nil when it ended by itself.
  package let signal: Int32?
  package let output: String
  package let errors: String

  /// The JSON that was printed on standard output.
  package func json() throws -> JSON { try JSONDocument(output, source: "standard output").root }
}

/// A program at work, with its streams in files.
package struct RunningProgram {
  let process: Process
  let output: String
  let errors: String

  /// Waits until it has said on standard error, under `RANDLORA_PROGRESS=json`, that so much is done.
  /// - Returns: false when it ended without saying so.
  package func wait(untilDone done: Int) throws -> Bool {
    while true {
      let isRunning = process.isRunning
      let progress = try text(of: errors).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        .compactMap {
          try? JSONDocument(String($0), source: "progress").root["progress"]?["done"]?.integerValue
        }
      if progress.contains(where: { $0 >= done }) { return true }
      if !isRunning { return false }
      Thread.sleep(forTimeInterval: 0.002)
    }
  }

  /// Sends a signal.
  package func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits until it has ended.
  package func outcome() throws -> Outcome {
    process.waitUntilExit()
    let signal = process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil
    return Outcome(
      code: process.terminationStatus, signal: signal, output: try text(of: output),
      errors: try text(of: errors))
  }

  private func text(of stream: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: stream)), as: UTF8.self)
  }
}

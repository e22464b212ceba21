package import Failures

/// The runner's one door to other programs. Tests put stages of their own behind it.
package protocol StageProcesses: Sendable {
  /// The program's path.
  ///
  /// - Throws: `Failure.missingInput` when there is none of that name.
  func locate(_ program: String) throws(Failure) -> String

  /// What a program prints when asked a question (`--describe`, `--plan`, `--influences K`).
  ///
  /// - Parameter environment: beyond what every stage gets.
  /// - Throws: `Failure` when it cannot be started or does not exit with 0.
  func answer(
    _ executable: String, _ arguments: [String], environment: [String: String], directory: String
  ) async throws(Failure) -> [UInt8]

  /// Runs a stage to its end.
  ///
  /// - Throws: `Failure` when it cannot be started.
  func run(_ launch: StageLaunch) async throws(Failure) -> StageEnd

  /// Passes a signal to every stage that runs now.
  func signal(_ number: Int32)
}

extension StageProcesses {
  /// The answer to a question that needs no work, within half a minute.
  ///
  /// - Throws: `Failure.io` when none comes in that time, and what `answer` throws.
  func promptAnswer(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String
  ) async throws(Failure) -> [UInt8] {
    let patience = 30
    let answer = await withTaskGroup(of: Result<[UInt8], Failure>?.self) { group in
      group.addTask {
        do throws(Failure) {
          return .success(
            try await self.answer(executable, arguments, environment: environment, directory: directory))
        } catch {
          return .failure(error)
        }
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(patience))
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    guard let answer else {
      throw Failure(.io, "\(executable) \(arguments.joined(separator: " ")) did not answer within \(patience) s")
    }
    return try answer.get()
  }
}

/// A stage about to be started.
package struct StageLaunch: Sendable {
  package let executable: String
  package let arguments: [String]
  /// Beyond what every stage gets.
  package let environment: [String: String]
  /// The working directory: where the pipeline file lies.
  package let directory: String
  /// The open lock file, which becomes the stage's standard input.
  package let lock: Int32
  package let logPath: String
  /// Whether it was tried before: then the log goes on.
  package let isRetry: Bool
  /// Seconds after which it is stopped.
  package let timeout: Double?
  package let progress: @Sendable (StageProgress) -> Void

  package init(
    executable: String, arguments: [String], environment: [String: String] = [:], directory: String, lock: Int32,
    logPath: String, isRetry: Bool = false, timeout: Double? = nil,
    progress: @escaping @Sendable (StageProgress) -> Void
  ) {
    (self.executable, self.arguments, self.environment) = (executable, arguments, environment)
    (self.directory, self.lock, self.logPath) = (directory, lock, logPath)
    (self.isRetry, self.timeout, self.progress) = (isRetry, timeout, progress)
  }
}

/// How a stage ended.
package struct StageEnd: Sendable {
  package enum Cause: Sendable, Equatable {
    case exited(Int32)
    case killed(signal: Int32)
    case timedOut(seconds: Double)
  }

  package let cause: Cause
  /// The last lines that it wrote to standard error, progress left out.
  package let lastLines: [String]
  /// The sentences after "warning:" among them.
  package let warnings: [String]

  package init(_ cause: Cause, lastLines: [String] = [], warnings: [String] = []) {
    (self.cause, self.lastLines, self.warnings) = (cause, lastLines, warnings)
  }

  /// Whether it ended with the code by which our own programs say that they were stopped and can go on.
  var isInterruption: Bool { cause == .exited(Failure.Kind.interrupted.rawValue) }

  /// As a shell has it: 128 + signal for a killed process, and 124 as timeout(1) has it.
  package var exitCode: Int32 {
    switch cause {
    case .exited(let code): code
    case .killed(let signal): 128 + signal
    case .timedOut: 124
    }
  }
}

import Artifacts
package import Failures
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// Stages as processes of this machine.
package final class LocalProcesses: StageProcesses {
  /// Where programs are looked for before `PATH`: beside the runner itself.
  private let siblings: String
  private let environment: Environment
  private let running = Mutex<[pid_t]>([])

  /// - Parameters:
  ///   - siblings: the directory of the runner's own executable.
  ///   - variables: added to the environment that this process has.
  package init(siblings: String, variables: [String: String] = ["RANDLORA_PROGRESS": "json"]) {
    self.siblings = siblings
    environment = .inherit.updating(
      Dictionary(uniqueKeysWithValues: variables.map { (Environment.Key(rawValue: $0) ?? "_", $1) }))
  }

  package func locate(_ program: String) throws(Failure) -> String {
    if program.contains("/") {
      if unsafe access(program, X_OK) == 0 { return program }
      throw Failure(.missingInput, "there is no program at \(program)")
    }
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
    for directory in [siblings] + path.split(separator: ":").map(String.init) {
      let candidate = directory + "/" + program
      if unsafe access(candidate, X_OK) == 0, case .file = try FileStatus(candidate, followingLinks: true) {
        return candidate
      }
    }
    throw Failure(
      .missingInput, "there is no program '\(program)' beside the runner (\(siblings)) or on PATH",
      hint: "a stage is any executable that answers --describe")
  }

  package func answer(
    _ executable: String, _ arguments: [String], directory: String
  ) async throws(Failure) -> [UInt8] {
    do {
      let result = try await Subprocess.run(
        .path(FilePath(executable)), arguments: Arguments(arguments), environment: environment,
        workingDirectory: FilePath(directory), input: .none, output: .bytes(limit: 16 << 20),
        error: .string(limit: 1 << 20))
      guard result.terminationStatus.isSuccess else {
        let lines = result.standardError.split(separator: "\n").joined(separator: "\n")
        throw Failure(.badData, "\(executable) \(arguments.joined(separator: " ")) failed: \(lines)")
      }
      return result.standardOutput
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.io, "cannot run \(executable): \(error)")
    }
  }

  package func run(_ launch: StageLaunch) async throws(Failure) -> StageEnd {
    let log = unsafe open(launch.logPath, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o666)
    guard log >= 0 else { throw Failure(.io, "cannot write the log \(launch.logPath): \(errorText())") }
    defer { close(log) }
    let lines = StageLines(log: log, progress: launch.progress)
    let started = Mutex<pid_t?>(nil)
    defer { if let id = started.withLock({ $0 }) { running.withLock { $0.removeAll { $0 == id } } } }
    var options = PlatformOptions()
    options.processGroupID = 0
    do {
      let result = try await Subprocess.run(
        .path(FilePath(launch.executable)), arguments: Arguments(launch.arguments), environment: environment,
        workingDirectory: FilePath(launch.directory), platformOptions: options,
        input: .fileDescriptor(FileDescriptor(rawValue: launch.lock), closeAfterSpawningProcess: false),
        output: .fileDescriptor(FileDescriptor(rawValue: log), closeAfterSpawningProcess: false),
        error: .sequence
      ) { execution in
        let id = execution.processIdentifier.value
        started.withLock { $0 = id }
        running.withLock { $0.append(id) }
        for try await line in execution.standardError.strings() { lines.take(line) }
      }
      let end: StageEnd.Cause =
        switch result.terminationStatus {
        case .exited(let code): .exited(code)
        case .signaled(let signal): .killed(signal: signal)
        }
      return StageEnd(end, lastLines: lines.last)
    } catch {
      throw Failure(.io, "cannot run \(launch.executable): \(error)")
    }
  }

  package func signal(_ number: Int32) {
    // To the group: a stage that is a script has children of its own.
    for id in running.withLock({ $0 }) { kill(-id, number) }
  }
}

/// Sorts what a stage says: progress to the display, everything else to the log.
private final class StageLines: Sendable {
  private static let kept = 20
  private let log: Int32
  private let progress: @Sendable (StageProgress) -> Void
  private let lines = Mutex<[String]>([])

  init(log: Int32, progress: @escaping @Sendable (StageProgress) -> Void) {
    self.log = log
    self.progress = progress
  }

  var last: [String] { lines.withLock { $0 } }

  func take(_ line: String) {
    if let state = StageProgress(line: line) {
      progress(state)
      return
    }
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(log, $0.baseAddress, $0.count) }
    lines.withLock { lines in
      lines.append(line)
      if lines.count > Self.kept { lines.removeFirst() }
    }
  }
}

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
  private let inherited: [String: String]
  /// Seconds between asking a stage that ran out of time to stop, and killing it.
  private let grace: Double
  private let running = Mutex<[pid_t]>([])
  private let orphanGuard = Mutex<OrphanGuard?>(nil)

  /// - Parameters:
  ///   - siblings: the directory of the runner's own executable.
  package init(siblings: String, grace: Double = 10) {
    (self.siblings, self.grace) = (siblings, grace)
    inherited = StageEnvironment.inherited.merging(["RANDLORA_PROGRESS": "json"]) { $1 }
  }

  private func environment(_ variables: [String: String] = [:]) -> Environment {
    let all = inherited.merging(variables) { $1 }.compactMap { name, value in
      Environment.Key(rawValue: name).map { ($0, value) }
    }
    return .custom(Dictionary(uniqueKeysWithValues: all))
  }

  package func locate(_ program: String) throws(Failure) -> String {
    if program.contains("/") {
      if case .file = try FileStatus(program, followingLinks: true), unsafe access(program, X_OK) == 0 {
        return program
      }
      throw Failure(.missingInput, "there is no program at \(program)")
    }
    let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
    for directory in [siblings] + path.split(separator: ":").map(String.init) {
      let candidate = directory + "/" + program
      if case .file? = try? FileStatus(candidate, followingLinks: true), unsafe access(candidate, X_OK) == 0 {
        return candidate
      }
    }
    throw Failure(
      .missingInput, "there is no program '\(program)' beside the runner (\(siblings)) or on PATH",
      hint: "a stage is any executable that answers --describe")
  }

  package func answer(
    _ executable: String, _ arguments: [String], environment variables: [String: String], directory: String
  ) async throws(Failure) -> [UInt8] {
    do {
      let result = try await Subprocess.run(
        .path(FilePath(executable)), arguments: Arguments(arguments), environment: environment(variables),
        workingDirectory: FilePath(directory), input: .none, output: .bytes(limit: 16 << 20),
        error: .string(limit: 1 << 20))
      guard result.terminationStatus.isSuccess else {
        throw Self.refusal(executable, arguments, result.terminationStatus, result.standardError)
      }
      return result.standardOutput
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.io, "cannot run \(executable): \(error)")
    }
  }

  /// A program that gives no answer: with its own sentence, where it has one, and of the kind that its exit code says.
  private static func refusal(
    _ executable: String, _ arguments: [String], _ status: TerminationStatus, _ errors: String
  ) -> Failure {
    var kind = Failure.Kind.io
    var how = "was killed"
    if case .exited(let code) = status {
      (kind, how) = (Failure.Kind(rawValue: code) ?? .badData, "failed with exit code \(code)")
    }
    let lines = errors.split(separator: "\n").map(String.init)
    func words(after mark: String) -> String? {
      lines.first { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
    }
    if let sentence = words(after: "error: ") {
      return Failure(kind, "\(Files.name(of: executable)): \(sentence)", hint: words(after: "hint: "))
    }
    let said = lines.isEmpty ? "" : ": " + lines.joined(separator: "\n")
    return Failure(kind, "\(executable) \(arguments.joined(separator: " ")) \(how)\(said)")
  }

  package func run(_ launch: StageLaunch) async throws(Failure) -> StageEnd {
    let log = try StageLog(launch.logPath, isContinued: launch.isRetry, progress: launch.progress)
    let output = try StageOutput { log.take($0) }
    let timeout = StageTimeout(launch.timeout, grace: grace)
    let status = try await start(launch, output, timeout)
    await output.finish()
    timeout.end()
    log.finish()
    if let seconds = launch.timeout, timeout.hasFired {
      return StageEnd(.timedOut(seconds: seconds), lastLines: log.lastLines)
    }
    switch status {
    case .exited(let code): return StageEnd(.exited(code), lastLines: log.lastLines, warnings: log.warnings)
    case .signaled(let signal): return StageEnd(.killed(signal: signal), lastLines: log.lastLines)
    }
  }

  /// Runs the process to its end, in a group of its own.
  private func start(
    _ launch: StageLaunch, _ output: StageOutput, _ timeout: StageTimeout
  ) async throws(Failure) -> TerminationStatus {
    let guardian = guardian
    let started = Mutex<pid_t?>(nil)
    defer { if let group = started.withLock({ $0 }) { end(group, guardian) } }
    let writing = FileDescriptor(rawValue: output.writing)
    var options = PlatformOptions()
    options.processGroupID = 0
    do {
      let result = try await Subprocess.run(
        .path(FilePath(launch.executable)), arguments: Arguments(launch.arguments),
        environment: environment(launch.environment),
        workingDirectory: FilePath(launch.directory), platformOptions: options,
        input: .fileDescriptor(FileDescriptor(rawValue: launch.lock), closeAfterSpawningProcess: false),
        output: .fileDescriptor(writing, closeAfterSpawningProcess: false),
        error: .fileDescriptor(writing, closeAfterSpawningProcess: true)
      ) { execution in
        let group = execution.processIdentifier.value
        guardian?.watch(group)
        started.withLock { $0 = group }
        running.withLock { $0.append(group) }
        timeout.begin(group)
      }
      return result.terminationStatus
    } catch {
      throw Failure(.io, "cannot run \(launch.executable): \(error)")
    }
  }

  /// A stage has ended; what it left behind in its group may not go on writing.
  private func end(_ group: pid_t, _ guardian: OrphanGuard?) {
    running.withLock { $0.removeAll { $0 == group } }
    kill(-group, SIGKILL)
    guardian?.forget(group)
  }

  /// Started with the first stage.
  private var guardian: OrphanGuard? {
    orphanGuard.withLock { orphanGuard in
      if orphanGuard == nil { orphanGuard = OrphanGuard() }
      return orphanGuard
    }
  }

  package func signal(_ number: Int32) {
    // To the group: a stage that is a script has children of its own.
    for id in running.withLock({ $0 }) { kill(-id, number) }
  }
}

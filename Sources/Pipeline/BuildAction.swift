import Artifacts
import Failures
import FoundationEssentials
import Glibc
import JSON

/// One action: known already, or run under its key's lock and recorded.
extension Build {
  /// - Parameters:
  ///   - reasons: why it would have to run, where that is not for the records to say.
  ///   - keep: what to do with the state that an interrupted segment leaves, while the lock is held.
  func perform(
    _ action: Action, forced: Bool = false, reasons given: [RerunReason]? = nil,
    keep: @Sendable (Artifact, _ startedAt: Date) async throws(Failure) -> Int? = { _, _ throws(Failure) in nil }
  ) async -> ActionOutcome {
    let forced = forced && !isRedone(action.key)
    var reasons: [RerunReason] = [.forced]
    if !forced {
      switch known(action) {
      case .available(let digest): return reuse(action.label, digest)
      case .lost(let digest): reasons = [.resultLost(digest)]
      case .unpublished(let reason): reasons = [reason]
      case .unknown: reasons = given ?? index.reasons(for: action.preimage, stage: action.label.stage)
      }
    }
    if options.dryRun {
      tell(.wouldRun(action.label, reasons))
      return .pending
    }
    if store.isReadOnly { return fail(action.label, store.refusal(of: "'\(action.label)'")) }
    let request = request(for: action)
    do throws(Failure) {
      let outcome = try await admission.holding(request) { () async throws(Failure) -> ActionOutcome? in
        if isStopping { return .interrupted }
        guard let lock = try lock(action) else { return nil }
        defer { store.finishWork(action.key, lock) }
        // Whoever held the lock until now may have done it.
        if let outcome = reuseKnown(action, forced: forced) { return outcome }
        return try await make(action, lock, reasons, keep: keep)
      }
      if let outcome { return outcome }
      // While somebody else is making it, there is room for other stages.
      guard let lock = try await waitForLock(of: action) else { return .interrupted }
      defer { store.finishWork(action.key, lock) }
      if let outcome = reuseKnown(action, forced: forced) { return outcome }
      return try await admission.holding(request) { () async throws(Failure) -> ActionOutcome in
        if isStopping { return .interrupted }
        return try await make(action, lock, reasons, keep: keep)
      }
    } catch {
      return fail(action.label, error)
    }
  }

  private func reuseKnown(_ action: Action, forced: Bool) -> ActionOutcome? {
    guard !forced, case .available(let digest) = known(action) else { return nil }
    return reuse(action.label, digest)
  }

  /// The lock of an action's key, if nobody holds it.
  private func lock(_ action: Action) throws(Failure) -> KeyLock? {
    let lock = try store.lock(action.key)
    lock?.sign(for: action.label)
    return lock
  }

  /// Waits until whoever holds the lock of an action's key lets go of it; nil when the run is to stop.
  private func waitForLock(of action: Action) async throws(Failure) -> KeyLock? {
    let holder = store.holder(of: action.key)
    guard options.waits else {
      throw Failure(.busy, "\(holder) is making it", hint: "run again later, or leave out --no-wait to wait for it")
    }
    tell(.waiting(action.label, holder: holder))
    while !isStopping {
      if let lock = try lock(action) { return lock }
      try? await Task.sleep(for: .milliseconds(100))
    }
    return nil
  }

  private func make(
    _ action: Action, _ lock: KeyLock, _ reasons: [RerunReason],
    keep: (Artifact, Date) async throws(Failure) -> Int?
  ) async throws(Failure) -> ActionOutcome {
    let output = store.workPath(action.key) + "/out"
    if let adoption = options.adoption { return .available(try adopt(adoption, action, output: output)) }
    tell(.started(action.label, reasons))
    var attempt = 1
    while true {
      let startedAt = Date()
      let end = try await run(action, lock, attempt: attempt, output: output)
      if end.cause == .exited(0) {
        let digest = try publish(action, output: output, startedAt: startedAt)
        // What our own programs warn of; what a command means by that word is its own affair.
        if action.call.outputs == nil { for text in end.warnings { tell(.warned(action.label, text)) } }
        return .available(digest)
      }
      let retries = action.call.resources.retries
      guard attempt <= retries, !action.isResumable(end), !isStopping else {
        return try await unfinished(action, end, output: output) { partial throws(Failure) in try await keep(partial, startedAt) }
      }
      tell(.retrying(action.label, failure(of: action, end), attempt: attempt, retries: retries))
      attempt += 1
    }
  }

  /// One attempt. What a command made becomes an artifact; a program makes it itself.
  private func run(
    _ action: Action, _ lock: KeyLock, attempt: Int, output: String
  ) async throws(Failure) -> StageEnd {
    try store.prepareWork(action.key)
    let (call, label) = (action.call, action.label)
    var (arguments, environment) = (call.arguments, call.environment)
    var command: CommandOutput?
    if let outputs = call.outputs {
      let filled = try CommandOutput(in: store.workPath(action.key), outputs: outputs)
      environment["output"] = filled.directory
      command = filled
    } else {
      arguments += ["--output", output]
    }
    let end = try await processes.run(
      StageLaunch(
        executable: call.executable, arguments: arguments, environment: environment,
        directory: call.directory, lock: lock.descriptor, logPath: store.logPath(action.key),
        isRetry: attempt > 1, timeout: call.resources.timeout,
        progress: { self.tell(.progress(label, $0)) }))
    guard end.cause == .exited(0) else { return end }
    do {
      try command?.seal(as: output, action.preimage, memo: store.memo)
    } catch {
      throw Failure(error.kind, error.message, hint: error.hint ?? "its log: \(store.logPath(action.key))")
    }
    return end
  }

  /// Takes a finished output into the store and records it, once it is sure that it belongs to the key.
  func publish(
    _ action: Action, output: String, startedAt: Date, seconds: Double? = nil
  ) throws(Failure) -> Digest {
    guard case .directory = try FileStatus(output) else {
      throw Failure(
        .badData, "\(action.interface.name) ended with success but wrote no artifact to --output",
        hint: "its log: \(store.logPath(action.key))")
    }
    let kinds = action.interface.output.map { [$0] } ?? []
    let artifact = try Artifact.open(output, as: kinds, verify: .memoised, memo: store.memo)
    try checkStep(of: artifact, action)
    try action.requireUnchangedInputs()
    let former = store.record(action.key)
    if options.compares, let former { return try compare(artifact, with: former, action) }
    let digest = try store.publish(artifact)
    let seconds = seconds ?? Date().timeIntervalSince(startedAt)
    if former?.output != digest {
      if let former {
        tell(
          .warned(
            action.label,
            "made \(digest.hex.prefix(12)) where \(former.output.hex.prefix(12)) was known: "
              + "\(action.interface.name) is not deterministic"))
      }
      let record = ActionRecord(
        preimage: action.preimage, name: action.label.stage, kind: artifact.kind, output: digest,
        predecessor: action.predecessor, startedAt: startedAt, seconds: seconds)
      try store.write(record)
      index.add(record)
      push(record, action.label)
    }
    noteRedone(action.key)
    tell(.finished(action.label, digest, seconds: seconds))
    return digest
  }

  private func checkStep(of artifact: Artifact, _ action: Action) throws(Failure) {
    guard let expected = action.preimage.step else { return }
    let step = try artifact.section.field("step")
    guard try step.integer() == expected else {
      throw step.failure("expected the state at step \(expected), found step \(try step.integer())")
    }
  }

  /// A stage that was stopped or failed.
  private func unfinished(
    _ action: Action, _ end: StageEnd, output: String, keep: (Artifact) async throws(Failure) -> Int?
  ) async throws(Failure) -> ActionOutcome {
    let isResumable = action.isResumable(end)
    if isResumable, let kind = action.interface.output,
      let partial = try? Artifact.open(ArtifactWriter.partial(of: output), as: kind, memo: store.memo)
    {
      let step = try await keep(partial)
      tell(.interrupted(action.label, step: step))
      return stopped()
    }
    if wasInterrupted {
      tell(.interrupted(action.label, step: nil))
      return .interrupted
    }
    if isResumable {
      tell(.interrupted(action.label, step: nil))
      return stopped()
    }
    return fail(  // a command that ends like an interruption has failed, and nothing goes on from it
      action.label, failure(of: action, end), code: end.isInterruption ? nil : end.exitCode, lastLines: end.lastLines,
      log: store.logPath(action.key))
  }

  private func failure(of action: Action, _ end: StageEnd) -> Failure {
    let how =
      switch end.cause {
      case .exited(let code): "failed with exit code \(code)"
      case .killed(let signal): "was killed by signal \(signal)"
      case .timedOut(let seconds): "did not end within its timeout of \(Int(seconds.rounded(.up))) s"
      }
    return Failure(.badData, "\(action.interface.name) \(how)")
  }
}

extension Action {
  /// Whether it stopped on request and can go on from there. What a command means by its exit codes is its own affair.
  fileprivate func isResumable(_ end: StageEnd) -> Bool { call.outputs == nil && end.isInterruption }
}

package import Artifacts
package import Failures
import Glibc
import Synchronization

/// How a pipeline is to be run.
package struct RunOptions: Sendable {
  /// Stages at a time.
  package var jobs = 1
  /// Cores to share out among them.
  package var cores = 1
  /// Bytes of memory to share out among the stages that say how much they need.
  package var memory = Int.max
  /// Whether stages that do not depend on a failed one go on.
  package var keepGoing = false
  /// Only say what would be done.
  package var dryRun = false
  /// Stages (by name or family) that run even if their result is known.
  package var forced: Set<String> = []
  /// Whether to wait for other runners, or to fail with `Failure.busy`.
  package var waits = true
  /// How far a known result is checked before it is used.
  package var verification = Artifact.Verification.memoised
  /// Whether results go to the upstream store too.
  package var pushes = false
  /// Whether what runs is only compared with the known result, which stays.
  package var compares = false
  /// An artifact that is taken as the result of a stage, in place of running it; then nothing else runs.
  package var adoption: Adoption?

  package struct Adoption: Sendable {
    let stage: String
    let artifact: Artifact

    /// - Parameter stage: its name, with the coordinates of a matrix.
    package init(of artifact: Artifact, as stage: String) { (self.stage, self.artifact) = (stage, artifact) }
  }

  package init() {}

  /// The cores of a stage that asks for no number of them.
  package var threads: Int { max(1, cores / max(jobs, 1)) }
}

/// What came of a run.
package struct RunSummary: Sendable {
  /// The outputs of the stages that have one, in the pipeline's order.
  package var outputs: [(name: String, digest: Digest)] = []
  /// The evaluations among them and those made along segmented stages, in the pipeline's order and by step.
  package var evaluations: [(label: RunEvent.Label, digest: Digest)] = []
  /// The last states of the segmented stages.
  package var trainings: [(name: String, digest: Digest)] = []
  /// How many actions ran, or would run.
  package var ran = 0
  package var reused = 0
  /// Stages that were not begun, or not finished, because another one had failed.
  package var unmade: [String] = []
  /// Whether the next run would be told nothing else: known results were found, and nothing more was to say.
  package var isQuiet = false
  /// 0, or the exit code of the first stage that failed, or 75 after an interruption.
  package var exitCode: Int32 = 0

  /// What a stage made, if it has an output.
  package subscript(stage: String) -> Digest? { outputs.first { $0.name == stage }?.digest }
}

/// One run over a pipeline. Stages wait for what they read; what is known already is not done again.
package final class Build: Sendable {
  let store: Store
  let processes: any StageProcesses
  let options: RunOptions
  let admission: Admission
  let index: RecordIndex
  private let report: @Sendable (RunEvent) -> Void
  private let state = Mutex(State())

  struct State {
    var stopRequests = 0
    var hasFailed = false
    var exitCode: Int32 = 0
    var ran = 0
    var reused = 0
    var evaluations: [String: [(label: RunEvent.Label, digest: Digest)]] = [:]
    /// Keys that were forced and done in this run.
    var redone: Set<Digest> = []
    var declarations: [StageDeclaration] = []
    /// Whether anything happened besides known results being found.
    var hasSpoken = false
    var estimate: RunEstimate?
    /// Stages of which something came, or nothing ever will.
    var ended: Set<String> = []
  }

  /// - Parameters:
  ///   - report: told everything that happens, from any thread.
  package init(
    store: Store, processes: any StageProcesses, options: RunOptions = RunOptions(),
    report: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) {
    (self.store, self.processes, self.options, self.report) = (store, processes, options, report)
    admission = Admission(
      places: options.jobs, cores: max(options.cores, options.jobs * options.threads), memory: options.memory)
    index = RecordIndex(store)
  }

  /// Runs stages, each with everything that it is made from.
  ///
  /// - Throws: `Failure` when the pipeline does not fit its programs; then nothing has run, and no store is made.
  package func run(_ declarations: [StageDeclaration]) async throws(Failure) -> RunSummary {
    let (stages, checks) = try await bound(declarations)
    if !options.dryRun { try store.make() }
    try checks.remember()
    state.withLock { $0.declarations = declarations }
    let use = try await use()
    defer { withExtendedLifetime(use) {} }
    if !options.dryRun, !store.isReadOnly { Witness.unseen { store.sweep() } }
    var tasks: [String: Task<ActionOutcome, Never>] = [:]
    for stage in stages {
      let inputs = stage.declaration.predecessors.compactMap { name in tasks[name].map { (name, $0) } }
      tasks[stage.name] = Task {
        var outcomes: [String: ActionOutcome] = [:]
        for (name, task) in inputs { outcomes[name] = await task.value }
        let outcome = await self.outcome(of: stage, inputs: outcomes)
        self.state.withLock { _ = $0.ended.insert(stage.name) }
        return outcome
      }
    }
    var summary = RunSummary()
    for stage in stages {
      switch await tasks[stage.name]?.value {
      case .available(let digest): summary.outputs.append((stage.name, digest))
      case .interrupted where !wasInterrupted: summary.unmade.append(stage.name)
      default: continue
      }
    }
    return complete(summary, stages)
  }

  /// The stages and their programs, checked against each other.
  private func bound(
    _ declarations: [StageDeclaration]
  ) async throws(Failure) -> (stages: [BoundStage], checks: OptionChecks) {
    do throws(Failure) {
      let stages = try await StageBinder(catalog: StageCatalog(processes)).bind(declarations)
      return (stages, try await OptionChecks(of: stages, processes: processes, store: store))
    } catch {
      // A request to stop reaches the programs that are asked, too.
      throw wasInterrupted ? Failure(.interrupted, "stopped before anything ran") : error
    }
  }

  /// Keeps the collector away from the store while the run is on.
  private func use() async throws(Failure) -> StoreUse? {
    if options.dryRun || store.isReadOnly { return nil }
    while true {
      if let use = try Witness.unseen({ () throws(Failure) in try store.share() }) { return use }
      guard options.waits else {
        throw Failure(.busy, "'randlora gc' is at work in the store \(store.root)", hint: "run again when it is done")
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  private func complete(_ summary: RunSummary, _ stages: [BoundStage]) -> RunSummary {
    var summary = summary
    let state = state.withLock { $0 }
    for stage in stages {
      if let output = summary.outputs.first(where: { $0.name == stage.name }) {
        if stage.interface.segmented { summary.trainings.append(output) }
        if stage.interface.output == .evaluation {
          summary.evaluations.append((RunEvent.Label(stage.name), output.digest))
        }
      }
      let alongTheWay = state.evaluations[stage.name] ?? []
      summary.evaluations += alongTheWay.sorted { ($0.label.step ?? 0) < ($1.label.step ?? 0) }
    }
    (summary.ran, summary.reused) = (state.ran, state.reused)
    summary.isQuiet = !state.hasSpoken && !state.hasFailed && state.stopRequests == 0
    let stopped = state.stopRequests > 0 ? Failure.Kind.interrupted.rawValue : 0
    summary.exitCode = state.exitCode != 0 ? state.exitCode : stopped
    return summary
  }

  // MARK: - Stopping

  /// Asks to stop: running stages finish and publish what can be resumed, nothing new starts. Asked again, running
  /// stages are killed.
  package func stop() {
    let requests = state.withLock { state in
      state.stopRequests += 1
      return state.stopRequests
    }
    processes.signal(requests == 1 ? SIGINT : SIGKILL)
  }

  var isStopping: Bool {
    state.withLock { $0.stopRequests > 0 || ($0.hasFailed && !options.keepGoing) }
  }

  var wasInterrupted: Bool { state.withLock { $0.stopRequests > 0 } }

  /// A stage stopped by itself and can be resumed: the run ends, as after a request.
  func stopped() -> ActionOutcome {
    state.withLock { $0.stopRequests = max($0.stopRequests, 1) }
    return .interrupted
  }

  // MARK: - Sharing the machine

  /// How long what is left will take, judged by the records, and how many stages have none; nil as long as
  /// nothing had to run.
  ///
  /// - Parameter spent: seconds that stages have been at work so far.
  package func timeLeft(spent: [String: Double]) -> (seconds: Double, unknown: Int)? {
    let (estimate, ended) = state.withLock { ($0.estimate, $0.ended) }
    let over = Dictionary(uniqueKeysWithValues: ended.map { ($0, Double.infinity) })
    return estimate?.left(spent: spent.merging(over) { $1 }, jobs: options.jobs)
  }

  /// What an action asks of the machine. The first one looks up how long everything took before.
  func request(for action: Action) -> Admission.Request {
    let known = state.withLock { $0.estimate }
    let estimate = known ?? RunEstimate(state.withLock { $0.declarations }, index.all)
    if known == nil { state.withLock { $0.estimate = estimate } }
    let resources = action.call.resources
    return Admission.Request(
      cores: min(resources.threads ?? options.threads, options.cores), memory: resources.memory ?? 0,
      urgency: estimate.urgency(of: action.label.stage))
  }

  // MARK: - Telling

  /// - Parameter actions: how many run, or would run, of what is told.
  func tell(_ event: RunEvent, actions: Int = 1) {
    state.withLock { state in
      switch event {
      case .reused: state.reused += 1
      case .wouldRun, .finished:
        state.ran += actions
        state.hasSpoken = true
      default: state.hasSpoken = true
      }
    }
    report(event)
  }

  /// Reports a failure and remembers the exit code of the first.
  func fail(
    _ label: RunEvent.Label, _ failure: Failure, code: Int32? = nil, lastLines: [String] = [],
    log: String? = nil
  ) -> ActionOutcome {
    state.withLock { state in
      if !state.hasFailed { state.exitCode = code ?? failure.kind.rawValue }
      state.hasFailed = true
    }
    report(.failed(label, failure, lastLines: lastLines, log: log))
    return .failed
  }

  func noteEvaluation(_ stage: String, _ label: RunEvent.Label, _ digest: Digest) {
    state.withLock { state in state.evaluations[stage, default: []].append((label, digest)) }
  }

  // MARK: - Forcing

  /// Whether an action must run although its result may be known.
  func isForced(_ stage: BoundStage) -> Bool {
    options.forced.contains(stage.name) || options.forced.contains(stage.declaration.family)
  }

  func isRedone(_ key: Digest) -> Bool { state.withLock { $0.redone.contains(key) } }

  func noteRedone(_ key: Digest) { state.withLock { _ = $0.redone.insert(key) } }
}

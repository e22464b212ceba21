import Artifacts
import Failures
import FoundationEssentials
import JSON

/// A segmented stage: a chain of calls that each advance the state by some steps.
///
/// The key of the state at step k holds what influences the steps up to k and not how the chain was cut, so a run
/// begins at the latest state that is known, whoever made it and on the way to whatever.
struct SegmentChain {
  private let stage: BoundStage
  private let build: Build
  private let inputs: [(role: String, artifact: Artifact)]
  /// What the stage's inputs, and those of its evaluation, came to.
  private let available: [String: ActionOutcome]
  private let questions: StageQuestions
  private let start: Artifact
  private let startStep: Int
  private let contents: [(name: String, content: PathContent)]
  private let isForced: Bool

  init(
    _ stage: BoundStage, inputs: [(role: String, artifact: Artifact)], available: [String: ActionOutcome],
    build: Build
  ) throws(Failure) {
    guard let start = inputs.first(where: { $0.role == stage.interface.advancedRole })?.artifact else {
      throw stage.declaration.cursor.failure("\(stage.interface.name) needs a state to start from")
    }
    (self.stage, self.inputs, self.available, self.build) = (stage, inputs, available, build)
    self.start = start
    startStep = try start.section.field("step").integer(in: 0...)
    contents = try Action.contents(stage.parameters, memo: build.store.memo)
    isForced = build.isForced(stage)
    questions = StageQuestions(stage, inputs: inputs, processes: build.processes, store: build.store)
  }

  /// Brings the state to its last step, and evaluates it on the way.
  func advance() async throws(Failure) -> ActionOutcome {
    let total = try await questions.totalSteps()
    guard total > startStep else {
      build.tell(.warned(label(nil), "the state it starts from is at step \(startStep) of \(total) already"))
      return .available(start.digest)
    }
    if build.options.adoption?.stage == stage.name {
      return await build.perform(try await action(from: startStep, start, to: total))
    }
    let evaluated = multiples(of: stage.parameters.evaluationStep, upTo: total)
    let cuts = Set(multiples(of: stage.parameters.saveStep, upTo: total) + evaluated + [total]).sorted()
    let required = Set((stage.evaluation == nil ? [] : evaluated) + [total]).sorted()
    var evaluations: [Task<ActionOutcome, Never>] = []
    var outcome = ActionOutcome.pending, planned = startStep
    for step in required {
      outcome = try await reach(step, cuts: cuts, planned: planned)
      planned = step
      if let evaluation = stage.evaluation, evaluated.contains(step) {
        let state = outcome
        evaluations.append(Task { await evaluate(state, at: step, evaluation) })
      }
      // A plan goes on to say what else would run.
      if case .available = outcome { continue }
      if !build.options.dryRun { break }
    }
    for evaluation in evaluations { _ = await evaluation.value }
    return outcome
  }

  private func multiples(of interval: Int?, upTo total: Int) -> [Int] {
    guard let interval, interval > 0 else { return [] }
    return Array(stride(from: interval, through: total, by: interval).drop { $0 <= startStep })
  }

  private func label(_ step: Int?) -> RunEvent.Label { RunEvent.Label(stage.name, step: step) }

  // MARK: - States

  /// What decides the state at a step.
  private func preimage(at step: Int) async throws(Failure) -> ActionPreimage {
    var preimage = ActionPreimage(
      stage: stage.interface.name, revision: stage.interface.revision,
      parameters: try await questions.influences(at: step), inputs: chainInputs,
      contents: Action.digests(contents), step: step, environment: stage.environment)
    preimage.listings = Action.listings(contents)
    return preimage
  }

  private var chainInputs: [String: Digest] {
    Dictionary(uniqueKeysWithValues: inputs.map { ($0.role, $0.artifact.digest) })
  }

  /// The state at a step if it is known.
  private func known(at step: Int) async throws(Failure) -> Digest? {
    let key = try await preimage(at: step).key
    if isForced && !build.isRedone(key) { return nil }
    guard case .available(let digest) = build.known(key, label(step)) else { return nil }
    return digest
  }

  /// The state at a step: known, or run from the latest known state before it, piece by piece.
  /// - Parameter planned: up to which step a plan has said what would run.
  private func reach(_ target: Int, cuts: [Int], planned: Int) async throws(Failure) -> ActionOutcome {
    if let digest = try await known(at: target) {
      build.tell(.reused(label(target), digest))
      return .available(digest)
    }
    var (step, state) = try await latestKnown(before: target, cuts: cuts)
    if build.options.dryRun {
      let calls = cuts.count { $0 > max(step, planned) && $0 <= target }
      build.tell(.wouldRun(label(target), try await reasons(from: step, to: target)), actions: calls)
      return .pending
    }
    for cut in cuts where cut > step && cut <= target {
      let action = try await action(from: step, state, to: cut)
      let outcome = await build.perform(
        action, forced: isForced, reasons: try await reasons(from: step, to: cut),
        keep: { partial, startedAt throws(Failure) in try await keep(partial, of: action, startedAt: startedAt) })
      guard case .available(let digest) = outcome else { return outcome }
      (step, state) = (cut, try build.store.object(digest))
    }
    return .available(state.digest)
  }

  private func latestKnown(
    before target: Int, cuts: [Int]
  ) async throws(Failure) -> (step: Int, state: Artifact) {
    let recorded = build.index.steps(
      stage: stage.interface.name, revision: stage.interface.revision, inputs: chainInputs)
    let candidates = Set(recorded + cuts).filter { $0 > startStep && $0 < target }
    for step in candidates.sorted(by: >) {
      if let digest = try await known(at: step) { return (step, try build.store.object(digest)) }
    }
    return (startStep, start)
  }

  private func reasons(from step: Int, to target: Int) async throws(Failure) -> [RerunReason] {
    if isForced { return [.forced] }
    if step > startStep { return [.stepsMissing(from: step, to: target)] }
    let reasons = build.index.reasons(for: try await preimage(at: target), stage: stage.name)
    return reasons.isEmpty ? [.stepsMissing(from: step, to: target)] : reasons
  }

  private func action(from step: Int, _ state: Artifact, to cut: Int) async throws(Failure) -> Action {
    let role = stage.interface.advancedRole
    let inputs = inputs.map { ($0.role, $0.role == role ? state : $0.artifact) }
    var call = stage.call(inputs: inputs, share: build.options.threads)
    call.arguments += ["--steps", "\(cut - step)"]
    return try Action(
      label: label(cut), interface: stage.interface, call: call, preimage: try await preimage(at: cut),
      inputs: inputs.map { $0.1 }, contents: contents.map(\.content),
      predecessor: step > startStep ? state.digest : nil)
  }

  /// Records the state that an interrupted segment has reached under its own key, to go on from, with what it said.
  private func keep(_ partial: Artifact, of action: Action, startedAt: Date) async throws(Failure) -> Int? {
    let step = try partial.section.field("step").integer(in: 0...)
    guard step > startStep else { return nil }
    let preimage = try await preimage(at: step)
    let digest = try build.store.publish(partial), key = try preimage.key
    guard build.store.record(key) == nil else { return step }
    try build.store.write(
      ActionRecord(
        preimage: preimage, name: stage.name, kind: partial.kind, output: digest, predecessor: action.predecessor,
        startedAt: startedAt, seconds: Date().timeIntervalSince(startedAt)))
    let log = build.store.logPath(action.key)
    if Files.exists(log) { try Files.rename(log, to: build.store.logPath(key)) }
    return step
  }

  // MARK: - Evaluations

  private func evaluate(
    _ state: ActionOutcome, at step: Int, _ evaluation: BoundStage.Evaluation
  ) async -> ActionOutcome {
    let label = RunEvent.Label(stage.name + ".evaluate", step: step)
    guard case .available(let digest) = state else {
      if case .pending = state { build.tell(.wouldRun(label, [.inputPending("\(stage.name)@\(step)")])) }
      return state
    }
    do {
      var inputs: [(role: String, artifact: Artifact)] = [
        (evaluation.stateRole, try build.store.object(digest))
      ]
      inputs += try build.artifacts(evaluation.inputs, available, directory: stage.declaration.directory)
        .filter { $0.role != evaluation.stateRole }
      for own in self.inputs where evaluation.interface.inputs.contains(where: { $0.role == own.role }) {
        if !inputs.contains(where: { $0.role == own.role }) { inputs.append(own) }
      }
      inputs.sort { $0.role < $1.role }
      let action = try Action(
        label: label, interface: evaluation.interface,
        call: stage.call(evaluation, inputs: inputs, share: build.options.threads),
        parameters: evaluation.parameters, inputs: inputs, environment: stage.environment,
        memo: build.store.memo)
      let outcome = await build.perform(action)
      if case .available(let result) = outcome { build.noteEvaluation(stage.name, label, result) }
      return outcome
    } catch {
      return build.fail(label, error)
    }
  }
}

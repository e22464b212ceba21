import Artifacts
import Failures

/// The stages of a run, one by one.
extension Build {
  /// What comes of a stage once its inputs are there.
  func outcome(of stage: BoundStage, inputs: [String: ActionOutcome]) async -> ActionOutcome {
    let label = RunEvent.Label(stage.name)
    for (name, outcome) in inputs.sorted(by: { $0.key < $1.key }) {
      switch outcome {
      case .available: continue
      case .pending:
        tell(.wouldRun(label, [.inputPending(name)]))
        return .pending
      case .interrupted: return .interrupted
      case .failed:
        tell(.skipped(label, because: name))
        return .failed
      }
    }
    do {
      let stage = try resolved(stage, inputs)
      let directory = stage.declaration.directory
      let artifacts = try artifacts(stage.declaration.inputs, inputs, directory: directory)
      let outcome =
        stage.interface.segmented
        ? try await SegmentChain(stage, inputs: artifacts, available: inputs, build: self).advance()
        : await perform(try action(stage, artifacts), forced: isForced(stage))
      if case .available(let digest) = outcome, let path = stage.declaration.export?.path {
        export(digest, to: Files.path(path, in: directory), label)
      }
      return outcome
    } catch {
      return fail(label, error)
    }
  }

  /// With the places of the files that its parameters take from other stages.
  private func resolved(
    _ stage: BoundStage, _ outcomes: [String: ActionOutcome]
  ) throws(Failure) -> BoundStage {
    if stage.declaration.files.isEmpty { return stage }
    let place = { (name: String) throws(Failure) -> String in
      guard case .available(let digest) = outcomes[name] else {
        throw Failure(.internal, "what '\(name)' makes is not there")
      }
      return try self.store.object(digest).directory
    }
    var stage = stage
    stage.parameters = try stage.parameters.resolved(place)
    if var evaluation = stage.evaluation {
      evaluation.parameters = try evaluation.parameters.resolved(place)
      stage.evaluation = evaluation
    }
    return stage
  }

  /// The artifacts behind a stage's inputs.
  func artifacts(
    _ inputs: [StageDeclaration.Input], _ outcomes: [String: ActionOutcome], directory: String
  ) throws(Failure) -> [(role: String, artifact: Artifact)] {
    var artifacts: [(role: String, artifact: Artifact)] = []
    for input in inputs {
      switch input.source {
      case .stage(let name):
        guard case .available(let digest) = outcomes[name] else {
          throw Failure(.internal, "the input '\(input.role)' is not there")
        }
        artifacts.append((input.role, try store.object(digest)))
      case .directory(let path):
        let place = Files.path(path, in: directory)
        do {
          artifacts.append((input.role, try Artifact.open(place, memo: store.memo)))
        } catch {
          throw Failure(error.kind, input.cursor.failure(error.message).message, hint: error.hint)
        }
      }
    }
    // Shorter names first: those of one flag stay in their order.
    return artifacts.sorted { ($0.role.utf8.count, $0.role) < ($1.role.utf8.count, $1.role) }
  }

  private func action(
    _ stage: BoundStage, _ inputs: [(role: String, artifact: Artifact)]
  ) throws(Failure) -> Action {
    try Action(
      label: RunEvent.Label(stage.name), interface: stage.interface,
      call: stage.call(inputs: inputs, share: options.threads), parameters: stage.parameters, inputs: inputs,
      environment: stage.environment, memo: store.memo)
  }

  /// What cannot be exported has been made nevertheless, and those who use it take it from the store.
  private func export(_ digest: Digest, to place: String, _ label: RunEvent.Label) {
    do {
      let export = Export(try store.object(digest), to: place, memo: store.memo)
      if options.dryRun {
        if try export.isPending() { tell(.wouldExport(label, path: place)) }
      } else if try export.write() {
        tell(.exported(label, path: place))
      }
    } catch {
      _ = fail(label, error)
    }
  }
}

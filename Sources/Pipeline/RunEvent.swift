package import Artifacts
package import Failures

/// What happens during a run, in order of happening; the display and `--json` are made from these alone.
package enum RunEvent: Sendable {
  /// The result was known already.
  case reused(Label, Digest)
  /// The result was copied in from an upstream store.
  case fetched(Label, Digest)
  /// The result was copied to an upstream store.
  case pushed(Label, Digest, to: String)
  /// Only under `--dry-run` and in `status`: what would be done, and why.
  case wouldRun(Label, [RerunReason])
  /// Another runner is at it.
  case waiting(Label, holder: String)
  case started(Label, [RerunReason])
  case progress(Label, StageProgress)
  /// It failed and is tried again; `attempt` counts from 1.
  case retrying(Label, Failure, attempt: Int, retries: Int)
  case finished(Label, Digest, seconds: Double)
  /// Stopped on request; `step` is where a segmented stage will go on.
  case interrupted(Label, step: Int?)
  case failed(Label, Failure, lastLines: [String], log: String?)
  /// Not done because of a stage that it reads.
  case skipped(Label, because: String)
  case exported(Label, path: String)
  /// Only under `--dry-run` and in `status`: the copy is not there, or another.
  case wouldExport(Label, path: String)
  /// It ran a second time, and made the same or not.
  case compared(Label, ArtifactDifference, same: Bool)
  case warned(Label, String)

  /// Which action: the stage's name, and for the states of a segmented stage the step.
  package struct Label: Sendable, Hashable, CustomStringConvertible {
    package let stage: String
    package let step: Int?

    package init(_ stage: String, step: Int? = nil) {
      self.stage = stage
      self.step = step
    }

    package var description: String { step.map { "\(stage)@\($0)" } ?? stage }
  }
}

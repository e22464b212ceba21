import Artifacts
import Failures
import FoundationEssentials
import JSON

/// Results that do not come from running a stage once: compared with a second run, or taken from elsewhere.
extension Build {
  /// Says whether a second run made the same; the known result stays.
  func compare(_ artifact: Artifact, with former: ActionRecord, _ action: Action) throws(Failure) -> Digest {
    let known = try store.object(former.output)
    tell(.compared(action.label, ArtifactDifference(known, artifact, in: nil), same: artifact.digest == known.digest))
    noteRedone(action.key)
    return former.output
  }

  /// Copies an artifact in as the output of an action.
  ///
  /// - Throws: `Failure.badData` when the artifact says of itself that it was made from something else.
  func adopt(_ adoption: RunOptions.Adoption, _ action: Action, output: String) throws(Failure) -> Digest {
    guard action.label.stage == adoption.stage else {
      throw Failure(
        .missingInput, "'\(action.label)' is not up to date, and '\(adoption.stage)' is made from it",
        hint: "bring it up to date first, with 'randlora run'")
    }
    let artifact = adoption.artifact
    for (role, digest) in action.preimage.inputs {
      guard let named = try artifact.section.optional(role), let text = named.value.stringValue else { continue }
      guard text == digest.hex else {
        throw named.failure("made from the \(role) \(text.prefix(12)), but the stage's is \(digest.hex.prefix(12))")
      }
    }
    try store.prepareWork(action.key)
    _ = try artifact.copy(to: output, as: .sealed, memo: store.memo)
    let origin = artifact.runRecord.flatMap { Origin($0) }
    return try publish(
      action, output: output, startedAt: origin?.startedAt ?? Date(), seconds: origin?.seconds ?? 0)
  }
}

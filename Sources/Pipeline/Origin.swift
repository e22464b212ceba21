package import Artifacts
package import FoundationEssentials
package import JSON

/// How an artifact came about: as the store recorded it, or else as its own run record says.
package struct Origin: Sendable {
  package let preimage: ActionPreimage
  /// The stage's name in the pipeline that ran it, with the step of a state; nil where only the artifact tells.
  package let name: String?
  package let startedAt: Date?
  package let seconds: Double?
  /// The state that a segment went on from.
  package let predecessor: Digest?

  init(_ record: ActionRecord) {
    preimage = record.preimage
    name = record.label
    (startedAt, seconds, predecessor) = (record.startedAt, record.seconds, record.predecessor)
  }

  /// Nil when the run record does not say enough.
  init?(_ run: JSON) {
    guard let stage = run["stage"]?.stringValue, let revision = run["revision"]?.integerValue else { return nil }
    var inputs: [String: Digest] = [:]
    for (role, value) in run["inputs"]?.objectValue?.members ?? [] {
      inputs[role] = value.stringValue.flatMap { Digest(hex: $0) }
    }
    preimage = ActionPreimage(
      stage: stage, revision: revision, parameters: run["parameters"]?.objectValue ?? [:], inputs: inputs)
    (name, predecessor) = (nil, nil)
    startedAt = run["started_at"]?.stringValue.flatMap { try? Date($0, strategy: .iso8601) }
    seconds = run["seconds"]?.doubleValue
  }

  /// As the records say, of several ways the first; or else as the artifact does.
  package init?(of artifact: Artifact, in index: RecordIndex?) {
    if let origin = Origin(of: artifact.digest, in: index) {
      self = origin
    } else if let run = artifact.runRecord, let origin = Origin(run) {
      self = origin
    } else {
      return nil
    }
  }

  /// As the records say of an artifact that may be gone.
  init?(of digest: Digest, in index: RecordIndex?) {
    let records = (index?.all ?? []).filter { $0.output == digest }
    guard let first = records.min(by: { $0.startedAt < $1.startedAt }) else { return nil }
    self.init(first)
  }

  package var json: JSONObject {
    guard var object = preimage.json.objectValue else { return [:] }
    object["name"] = name.map { .string($0) } ?? .null
    object["predecessor"] = predecessor.map { .string($0.hex) } ?? .null
    object["started_at"] = startedAt.map { .string($0.formatted(.iso8601)) } ?? .null
    object["seconds"] = seconds.map { .number($0) } ?? .null
    return object
  }
}

extension ActionRecord {
  /// The stage's name in the pipeline, with the step of a state: `trained@40`.
  package var label: String { RunEvent.Label(name, step: preimage.step).description }
}

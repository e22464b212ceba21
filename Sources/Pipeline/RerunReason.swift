package import Artifacts
package import JSON

/// Why an action is not up to date: how it differs from the nearest one that was done before.
package enum RerunReason: Sendable, Equatable {
  case neverRun
  case forced
  case resultLost(Digest)
  /// What was published at a path of this machine is gone.
  case publicationLost(String)
  /// Something else lies where a file was published.
  case publicationChanged(String)
  case revisionChanged(from: Int, to: Int)
  case programChanged(from: String, to: String)
  /// Nil where the parameter had, or has, no value.
  case parameterChanged(String, from: JSON?, to: JSON?)
  case inputChanged(String, from: Digest?, to: Digest?)
  /// Of a directory, also the files in it that differ, as far as that is known.
  case contentChanged(String, files: [String])
  case environmentChanged(String, from: String?, to: String?)
  /// An input will be made anew, so nothing is known about the result yet.
  case inputPending(String)
  case stepsMissing(from: Int, to: Int)

  package var text: String {
    switch self {
    case .neverRun: "never run"
    case .forced: "forced"
    case .resultLost(let digest): "its result \(digest.hex.prefix(12)) is gone or damaged"
    case .publicationLost(let path): "what was published is gone: \(path)"
    case .publicationChanged(let path): "what was published was replaced or changed: \(path)"
    case .revisionChanged(let old, let new): "revision of the program changed: \(old) → \(new)"
    case .programChanged(let old, let new): "program changed: \(old) → \(new)"
    case .parameterChanged(let name, let old, let new):
      "\(name) changed: \(Self.text(old)) → \(Self.text(new))"
    case .inputChanged(let role, let old, let new):
      "input '\(role)' changed: \(Self.text(old)) → \(Self.text(new))"
    case .contentChanged(let name, let files): "content of '\(name)' changed\(Self.text(files))"
    case .environmentChanged(let name, let old, let new):
      "environment variable \(name) changed: \(old ?? "none") → \(new ?? "none")"
    case .inputPending(let name): "'\(name)' will be made anew"
    case .stepsMissing(let from, let to):
      from == 0 ? "no state known, \(to) steps to run" : "goes on from step \(from) to \(to)"
    }
  }

  private static func text(_ files: [String]) -> String {
    if files.isEmpty { return "" }
    let more = files.count > 3 ? " and \(files.count - 3) more" : ""
    return " (\(files.prefix(3).joined(separator: ", "))\(more))"
  }

  private static func text(_ value: JSON?) -> String { value?.text(indent: 0) ?? "none" }

  private static func text(_ digest: Digest?) -> String { digest.map { String($0.hex.prefix(12)) } ?? "none" }

  /// The differences between two actions, in a fixed order. The step does not count.
  package static func differences(from old: ActionPreimage, to new: ActionPreimage) -> [RerunReason] {
    var reasons: [RerunReason] = []
    if old.stage != new.stage { reasons.append(.programChanged(from: old.stage, to: new.stage)) }
    if old.revision != new.revision { reasons.append(.revisionChanged(from: old.revision, to: new.revision)) }
    for name in Set(old.parameters.keys + new.parameters.keys).sorted() {
      let (from, to) = (old.parameters[name], new.parameters[name])
      if from != to { reasons.append(.parameterChanged(name, from: from, to: to)) }
    }
    for role in Set(old.inputs.keys).union(new.inputs.keys).sorted() {
      let (from, to) = (old.inputs[role], new.inputs[role])
      if from != to { reasons.append(.inputChanged(role, from: from, to: to)) }
    }
    for name in Set(old.contents.keys).union(new.contents.keys).sorted()
    where old.contents[name] != new.contents[name] {
      reasons.append(.contentChanged(name, files: changes(old.listings[name], new.listings[name])))
    }
    for name in Set(old.environment.keys).union(new.environment.keys).sorted() {
      let (from, to) = (old.environment[name], new.environment[name])
      if from != to { reasons.append(.environmentChanged(name, from: from, to: to)) }
    }
    return reasons
  }

  /// The files that two listings do not have in common.
  private static func changes(_ old: [String: Digest]?, _ new: [String: Digest]?) -> [String] {
    guard let old, let new else { return [] }
    return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
  }

  /// How an action differs from the record that differs least; ties go to the latest.
  package static func reasons(for action: ActionPreimage, among records: [ActionRecord]) -> [RerunReason] {
    let candidates = records.map { ($0.startedAt, differences(from: $0.preimage, to: action)) }
    let nearest = candidates.min { ($0.1.count, $1.0) < ($1.1.count, $0.0) }
    return nearest.map { $0.1 } ?? [.neverRun]
  }
}

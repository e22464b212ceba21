package import Artifacts
package import Failures

/// An artifact as a person names it: by its directory, by the first digits of its digest, or by the stage whose latest
/// result it is.
package struct ArtifactReference: Sendable {
  private let text: String

  package init(_ text: String) { self.text = text }

  /// The store in which a directory is an object; nil for any other directory.
  package static func store(around directory: String) -> String? {
    guard let path = try? Files.absolute(directory) else { return nil }
    let parts = path.split(separator: "/")
    guard parts.count > 2, parts[parts.count - 2] == "objects", Digest(hex: String(parts[parts.count - 1])) != nil
    else { return nil }
    return "/" + parts.dropLast(2).joined(separator: "/")
  }

  package var isDirectory: Bool { Files.isDirectory(text) }

  /// - Parameter store: where digests and names are looked up; not needed for a directory.
  /// - Throws: `Failure.missingInput` when there is nothing of that name, `Failure.usage` when there are several.
  package func artifact(in store: Store?) throws(Failure) -> Artifact {
    if isDirectory { return try Artifact.open(text, verify: .sizes) }
    guard let store else { throw Failure(.missingInput, "there is no artifact at \(text)") }
    return try store.object(try digest(in: store), verify: .sizes)
  }

  private func digest(in store: Store) throws(Failure) -> Digest {
    let records = store.records()
    var named = records.filter { $0.label == text || $0.name == text }
    if named.isEmpty {
      named = records.filter { $0.isOf(text) }
      let cells = Set(named.map(\.name)).sorted()
      guard cells.count < 2 else {
        throw Failure(
          .usage, "'\(text)' stands for \(cells.count) stages", hint: "name one: " + cells.joined(separator: ", "))
      }
    }
    if let latest = named.max(by: { $0.isOlder(than: $1) }) { return latest.output }
    let matches = text.utf8.count < 4 ? [] : store.digests.filter { $0.hex.hasPrefix(text) }
    if matches.count > 1 {
      throw Failure(
        .usage, "'\(text)' begins the digests of \(matches.count) artifacts", hint: "give more of its digits")
    }
    guard let match = matches.first else {
      throw Failure(
        .missingInput, "'\(text)' is no directory, and the store \(store.root) has no artifact or stage of that name",
        hint: records.suggestion(for: text))
    }
    return match
  }
}

extension ActionRecord {
  /// Whether this is of a stage, or of one of those that its matrix makes of it, or of a state that its label names.
  package func isOf(_ stage: String) -> Bool { name == stage || label == stage || name.hasPrefix(stage + "[") }

  /// Latest means: of the latest run; of a training, its last state.
  fileprivate func isOlder(than other: ActionRecord) -> Bool {
    (startedAt, preimage.step ?? 0) < (other.startedAt, other.preimage.step ?? 0)
  }
}

extension [ActionRecord] {
  /// What a hint says of a stage that none of them is of.
  package func suggestion(for stage: String) -> String? {
    Suggestion.hint(for: stage, among: Set(map(\.name)).sorted(), calling: "stages")
  }
}

package import Artifacts
import Failures
import FoundationEssentials
import JSON

/// Remembers that a run had nothing to do, for as long as everything that it looked at stays the same: pipeline files,
/// programs, inputs and objects. Then the next run need not even read the pipeline.
///
/// Records are not among these: they say which object an action made, and the memo says that there is nothing to make.
/// It is disposable, as all answers of the store are. Whatever is doubtful about it leads to the long way.
package struct PlanMemo {
  private static let version = "randlora plan 2"

  private let path: String

  /// - Parameter question: all that decides what is asked for, besides files and environment variables.
  package init(_ store: Store, question: [String]) {
    path = store.answerPath(Digest.sha256(([Self.version] + question).joined(separator: "\0").utf8))
  }

  // MARK: - Remembering

  package func remember(_ summary: RunSummary, _ testimony: Testimony) {
    let results: JSON = [
      "reused": .integer(summary.reused),
      "evaluations": .array(
        summary.evaluations.map { label, digest in
          [.string(label.stage), label.step.map { .integer($0) } ?? .null, .string(digest.hex)]
        }),
      "trainings": .array(summary.trainings.map { [.string($0.name), .string($0.digest.hex)] }),
    ]
    let variables = testimony.variables.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    let fields =
      [testimony.identities.hex, results.text(indent: 0), "\(variables.count)"] + variables + testimony.paths
    let content = fields.joined(separator: "\0")
    try? AtomicFile.write(Digest.sha256(content.utf8).hex + "\0" + content, to: path)
  }

  // MARK: - Recalling

  /// What a run would find; nil when that takes the long way. It is a use of all these results, which `gc` goes by.
  package func recall() -> RunSummary? {
    guard let content = Content(path), content.testimony.holds else { return nil }
    Files.touch(path, ifOlderThan: Store.useInterval)
    return try? RunSummary(remembered: JSONDocument(content.results, source: path))
  }

  /// When runs with nothing to do last used the artifacts of a store.
  static func uses(in store: Store) -> [Digest: Date] {
    var uses: [Digest: Date] = [:]
    for path in store.answers {
      guard let content = Content(path) else { continue }
      let time = StoreContents.modified(path)
      for digest in content.objects { uses[digest] = max(time, uses[digest] ?? time) }
    }
    return uses
  }

  /// What is in the file: fields with a NUL between them, the first of which is the digest of the others.
  private struct Content {
    let results: String
    let testimony: Testimony

    /// Nil when there is none, or it is damaged.
    init?(_ path: String) {
      guard let bytes = try? Files.contents(of: path, limit: 64 << 20), bytes.count > 65, bytes[64] == 0,
        Digest.sha256(bytes[65...]).hex.utf8.elementsEqual(bytes[..<64])
      else { return nil }
      var rest = bytes[65...]
      func next() -> String? {
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(of: 0) ?? rest.endIndex
        defer { rest = rest[min(end + 1, rest.endIndex)...] }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      guard let identities = next().flatMap({ Digest(hex: $0) }), let results = next(),
        let count = next().flatMap({ Int($0) }), count % 2 == 0
      else { return nil }
      var variables: [String: String] = [:]
      for _ in 0..<(count / 2) {
        guard let name = next(), let value = next() else { return nil }
        variables[name] = value
      }
      var paths: [String] = []
      while let path = next() { paths.append(path) }
      self.results = results
      testimony = Testimony(paths: paths, identities: identities, variables: variables)
    }

    /// The artifacts among what was looked at, in whatever way the store's place was written.
    var objects: Set<Digest> {
      var objects: Set<Digest> = []
      for path in testimony.paths {
        let parts = path.split(separator: "/")
        for (directory, name) in zip(parts, parts.dropFirst()) where directory == "objects" {
          if let digest = Digest(hex: String(name)) { objects.insert(digest) }
        }
      }
      return objects
    }
  }
}

extension RunSummary {
  fileprivate init(remembered document: JSONDocument) throws(Failure) {
    reused = try document.cursor.field("reused").integer(in: 0...)
    for entry in try document.cursor.field("evaluations").elements() {
      let parts = try entry.elements()
      guard parts.count == 3, let digest = Digest(hex: try parts[2].string()) else { throw entry.failure("damaged") }
      evaluations.append((RunEvent.Label(try parts[0].string(), step: parts[1].value.integerValue), digest))
    }
    for entry in try document.cursor.field("trainings").elements() {
      let parts = try entry.elements()
      guard parts.count == 2, let digest = Digest(hex: try parts[1].string()) else { throw entry.failure("damaged") }
      trainings.append((try parts[0].string(), digest))
    }
  }
}

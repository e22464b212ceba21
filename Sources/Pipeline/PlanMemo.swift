package import Artifacts
import Failures
import JSON

/// Remembers that a run had nothing to do, for as long as everything that it looked at stays the same: pipeline files,
/// programs, inputs, records and objects. Then the next run need not even read the pipeline.
///
/// It is disposable, as all answers of the store are. Whatever is doubtful about it leads to the long way.
package struct PlanMemo {
  /// Seconds for which it counts. The long way also notes that results were used, which `gc` goes by.
  private static let lifetime = 3600
  private static let version = "randlora plan 1"

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

  /// What a run would find; nil when that takes the long way.
  package func recall() -> RunSummary? {
    guard case .file(let identity)? = try? FileStatus(path), isYoung(identity),
      let bytes = try? Files.contents(of: path, limit: 64 << 20), bytes.count > 65,
      Digest.sha256(bytes[65...]).hex.utf8.elementsEqual(bytes[..<64])
    else { return nil }
    let fields = bytes[65...].split(separator: 0, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard fields.count >= 3, let identities = Digest(hex: fields[0]), let count = Int(fields[2]),
      count % 2 == 0, fields.count >= 3 + count
    else { return nil }
    var variables: [String: String] = [:]
    for index in stride(from: 3, to: 3 + count, by: 2) { variables[fields[index]] = fields[index + 1] }
    let testimony = Testimony(
      paths: Array(fields[(3 + count)...]), identities: identities, variables: variables)
    return testimony.holds ? try? RunSummary(remembered: JSONDocument(fields[1], source: path)) : nil
  }

  private func isYoung(_ identity: FileIdentity) -> Bool {
    let age = DigestMemo.realTime() - identity.modified
    return age >= 0 && age < Self.lifetime * 1_000_000_000
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

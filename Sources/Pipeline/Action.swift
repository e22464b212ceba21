import Artifacts
import Failures

/// One call of a stage: what it reads, what it makes, and the key under which that is known.
struct Action: Sendable {
  /// As the display names it.
  let label: RunEvent.Label
  let interface: StageInterface
  let call: StageCall
  let preimage: ActionPreimage
  let key: Digest
  /// The artifacts that it reads.
  let inputs: [Artifact]
  let contents: [PathContent]
  /// The state that a segment goes on from, where that is not the start of its chain.
  let predecessor: Digest?

  init(
    label: RunEvent.Label, interface: StageInterface, call: StageCall, parameters: StageParameters,
    inputs: [(role: String, artifact: Artifact)], environment: [String: String], memo: DigestMemo
  ) throws(Failure) {
    let contents = try Self.contents(parameters, countsModes: call.outputs != nil, memo: memo)
    var preimage = ActionPreimage(
      stage: interface.name, revision: interface.revision, parameters: parameters.influential, inputs: [:],
      contents: Self.digests(contents), environment: environment)
    for (role, artifact) in inputs { preimage.inputs[role] = artifact.digest }
    preimage.listings = Self.listings(contents)
    try self.init(
      label: label, interface: interface, call: call, preimage: preimage, inputs: inputs.map(\.artifact),
      contents: contents.map(\.content))
  }

  init(
    label: RunEvent.Label, interface: StageInterface, call: StageCall, preimage: ActionPreimage,
    inputs: [Artifact], contents: [PathContent], predecessor: Digest? = nil
  ) throws(Failure) {
    (self.label, self.interface, self.call) = (label, interface, call)
    (self.preimage, key) = (preimage, try preimage.key)
    (self.inputs, self.contents, self.predecessor) = (inputs, contents, predecessor)
  }

  /// Makes sure that what it reads is still what its key says.
  ///
  /// - Throws: `Failure.badData` naming the file that is not.
  func requireUnchangedInputs() throws(Failure) {
    for content in contents { try content.requireUnchanged() }
    for file in inputs.flatMap(\.frozenFiles) { try file.requireUnchanged() }
    for input in inputs {
      do {
        try input.requireNothingAdded()
      } catch {
        throw Failure(
          error.kind, "what the stage reads was written to: \(error.message)", hint: "a command may write to its $output alone")
      }
    }
  }

  /// What lies at the paths among the parameters.
  /// - Parameter countsModes: whether it matters that a file may be executed, as it does to a command.
  static func contents(
    _ parameters: StageParameters, countsModes: Bool = false, memo: DigestMemo
  ) throws(Failure) -> [(name: String, content: PathContent)] {
    var contents: [(name: String, content: PathContent)] = []
    for (name, path) in parameters.paths {
      contents.append((name, try PathContent(path, countsModes: countsModes, memo: memo)))
    }
    return contents
  }

  /// One digest a parameter; of several paths, that of their digests in order.
  static func digests(_ contents: [(name: String, content: PathContent)]) -> [String: Digest] {
    var digests: [String: Digest] = [:]
    for (name, group) in Dictionary(grouping: contents, by: \.name) {
      let all = group.map { $0.content.digest }
      digests[name] = all.count == 1 ? all[0] : Digest.sha256(all.map(\.hex).joined(separator: "\n").utf8)
    }
    return digests
  }
}

extension Action {
  /// What the files of the directories hold, by parameter.
  static func listings(_ contents: [(name: String, content: PathContent)]) -> [String: [String: Digest]] {
    var listings: [String: [String: Digest]] = [:]
    for (name, content) in contents where !content.listing.isEmpty {
      listings[name, default: [:]].merge(content.listing) { $1 }
    }
    return listings
  }
}

/// What came of an action.
enum ActionOutcome: Sendable {
  case available(Digest)
  /// It would have to run, but this is not a run.
  case pending
  case interrupted
  case failed
}

package import Artifacts
import Failures
package import JSON

/// Everything that decides what an action makes, and nothing else: no path, time, thread count or way of cutting.
///
/// Its digest is the key under which the result is known. The record of the result keeps it whole, so that two
/// of them can be compared in words.
package struct ActionPreimage: Sendable, Equatable {
  package var stage: String
  package var revision: Int
  /// Parameters that affect the result, defaults filled in. For the state at a step of a segmented stage:
  /// those that influence the steps up to it.
  package var parameters: JSONObject
  /// Inputs by role; for a state, the input that is advanced is the one that the whole chain starts from.
  package var inputs: [String: Digest]
  /// What lies at the paths among the parameters.
  package var contents: [String: Digest] = [:]
  /// What the files of the directories among them hold, one by one. Not in the key, which has it in one digest: for
  /// saying in words what changed.
  package var listings: [String: [String: Digest]] = [:]
  /// The step of the state that is made; nil when the stage is not segmented.
  package var step: Int?
  /// Environment variables that the stage declares.
  package var environment: [String: String] = [:]

  package var json: JSON {
    var object: JSONObject = [
      "stage": .string(stage), "revision": .integer(revision), "parameters": .object(parameters),
      "inputs": Self.json(inputs), "contents": Self.json(contents),
    ]
    if let step { object["step"] = .integer(step) }
    if !environment.isEmpty {
      var variables = JSONObject()
      for (name, value) in environment.sorted(by: { $0.key < $1.key }) { variables[name] = .string(value) }
      object["environment"] = .object(variables)
    }
    return .object(object)
  }

  /// The SHA-256 of the canonical form.
  ///
  /// - Throws: `Failure.badData` when a parameter is an integer beyond 2⁵³.
  package var key: Digest {
    get throws(Failure) { Digest.sha256(try json.canonical) }
  }

  package init(
    stage: String, revision: Int, parameters: JSONObject, inputs: [String: Digest],
    contents: [String: Digest] = [:], step: Int? = nil, environment: [String: String] = [:]
  ) {
    (self.stage, self.revision, self.parameters) = (stage, revision, parameters)
    (self.inputs, self.contents, self.step) = (inputs, contents, step)
    self.environment = environment
  }

  /// Reads what `json` wrote.
  init(_ cursor: JSONCursor) throws(Failure) {
    try cursor.allowOnly(["stage", "revision", "parameters", "inputs", "contents", "step", "environment"])
    stage = try cursor.field("stage").string()
    revision = try cursor.field("revision").integer()
    let parameters = try cursor.field("parameters")
    guard let object = parameters.value.objectValue else { throw parameters.failure("expected an object") }
    self.parameters = object
    inputs = try Self.digests(cursor.field("inputs"))
    contents = try Self.digests(cursor.field("contents"))
    step = try cursor.optional("step")?.integer(in: 0...)
    for (name, value) in try cursor.optional("environment")?.members() ?? [] {
      environment[name] = try value.string()
    }
  }

  static func json(_ digests: [String: Digest]) -> JSON {
    var object = JSONObject()
    for (name, digest) in digests.sorted(by: { $0.key < $1.key }) { object[name] = .string(digest.hex) }
    return .object(object)
  }

  static func digests(_ cursor: JSONCursor) throws(Failure) -> [String: Digest] {
    var digests: [String: Digest] = [:]
    for (name, value) in try cursor.members() {
      guard let digest = Digest(hex: try value.string()) else { throw value.failure("expected a SHA-256") }
      digests[name] = digest
    }
    return digests
  }
}

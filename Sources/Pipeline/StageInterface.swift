package import Artifacts
package import Failures
package import JSON

/// What a stage program says about itself under `--describe`: all that the runner knows of it.
package struct StageInterface: Sendable {
  package struct Input: Sendable {
    package let role: String
    package let kinds: [ArtifactKind]
    package let required: Bool
    /// Whether the flag may be given several times: the second artifact has the role `role-2`, and so on.
    package let repeats: Bool
  }

  package struct Parameter: Sendable {
    package enum Kind: String, CaseIterable, Sendable { case integer, number, string, boolean, path, model, list }

    /// What the result depends on.
    package enum Influence: String, CaseIterable, Sendable {
      case result
      case fromStep = "from-step"
      case never
    }

    package let name: String
    package let kind: Kind
    /// In the form that `ParameterValue` gives to the kind; null where there is none.
    package let defaultValue: JSON
    package let influence: Influence
  }

  package let name: String
  package let revision: Int
  package let inputs: [Input]
  /// Nil for a stage that only prints.
  package let output: ArtifactKind?
  package let parameters: [Parameter]
  /// Whether the stage advances one of its inputs by `--steps N`, so that a long run can be cut into calls.
  package let segmented: Bool
  /// Whether it can be asked what it thinks of its options (`--check`) before there is anything to read.
  package let checks: Bool

  /// The input that a segmented stage advances: the one of its output's kind.
  package var advancedRole: String? {
    segmented ? inputs.first { input in output.map(input.kinds.contains) ?? false }?.role : nil
  }

  /// - Parameter document: what the program printed.
  /// - Throws: `Failure.badData` naming the program and the field that is wrong.
  package init(_ document: JSONDocument) throws(Failure) {
    let cursor = document.cursor
    try cursor.allowOnly(["name", "revision", "inputs", "output", "parameters", "segmented", "checks"])
    name = try cursor.field("name").string()
    revision = try cursor.field("revision").integer(in: 0...)
    inputs = try cursor.field("inputs").elements().map { element throws(Failure) in try Input(element) }
    let kind = try cursor.field("output")
    output = kind.value.isNull ? nil : try kind.choice(of: ArtifactKind.self)
    parameters = try cursor.field("parameters").elements().map { element throws(Failure) in
      try Parameter(element)
    }
    segmented = try cursor.optional("segmented")?.bool() ?? false
    checks = try cursor.optional("checks")?.bool() ?? false
    if segmented, advancedRole == nil || !parameters.contains(where: { $0.name == "steps" }) {
      throw cursor.failure("a segmented stage needs a parameter 'steps' and an input of its output's kind")
    }
  }

  init(
    name: String, revision: Int, inputs: [Input], output: ArtifactKind?, parameters: [Parameter], segmented: Bool
  ) {
    (self.name, self.revision, self.inputs, self.output) = (name, revision, inputs, output)
    (self.parameters, self.segmented, checks) = (parameters, segmented, false)
  }

  /// The input that an artifact of a role is given as.
  func input(for role: String) -> Input? {
    inputs.first { $0.role == role }
      ?? inputs.first { input in
        input.repeats && role.hasPrefix(input.role + "-") && (Int(role.dropFirst(input.role.count + 1)) ?? 0) > 1
      }
  }

  package func parameter(_ name: String) -> Parameter? { parameters.first { $0.name == name } }
}

extension StageInterface.Input {
  fileprivate init(_ cursor: JSONCursor) throws(Failure) {
    try cursor.allowOnly(["role", "kinds", "required", "repeats"])
    role = try cursor.field("role").string()
    kinds = try cursor.field("kinds").elements().map { kind throws(Failure) in
      try kind.choice(of: ArtifactKind.self)
    }
    required = try cursor.optional("required")?.bool() ?? true
    repeats = try cursor.optional("repeats")?.bool() ?? false
  }
}

extension StageInterface.Parameter {
  fileprivate init(_ cursor: JSONCursor) throws(Failure) {
    try cursor.allowOnly(["name", "type", "default", "class"])
    name = try cursor.field("name").string()
    kind = try cursor.field("type").choice(of: Kind.self)
    influence = try cursor.field("class").choice(of: Influence.self)
    guard let value = try cursor.optional("default") else {
      defaultValue = .null
      return
    }
    switch kind {
    case .integer: defaultValue = .integer(try value.integer())
    case .number: defaultValue = .number(try value.double())
    case .boolean: defaultValue = .bool(try value.bool())
    case .string, .model: defaultValue = .string(try value.string())
    case .path, .list: defaultValue = .array(try value.words().map { .string($0) })
    }
  }
}

extension JSONCursor {
  /// A string that is the raw value of a case.
  fileprivate func choice<T: RawRepresentable & CaseIterable>(of type: T.Type) throws(Failure) -> T
  where T.RawValue == String {
    let text = try string()
    guard let choice = T(rawValue: text) else {
      let names = T.allCases.map(\.rawValue).joined(separator: ", ")
      throw failure("expected one of \(names), found '\(text)'")
    }
    return choice
  }

  /// A list of words: an array of strings, or one string with commas.
  fileprivate func words() throws(Failure) -> [String] {
    if let text = value.stringValue { return text.split(separator: ",").map(String.init) }
    return try elements().map { element throws(Failure) in try element.string() }
  }
}

package import Artifacts

/// What a stage is, as `--describe` prints it: the runner builds its keys from this alone.
package struct StageDescription: Sendable {
  package let name: String
  /// Raised whenever the same inputs and parameters would give other bytes.
  package let revision: Int
  package let inputs: [StageInput]
  /// The kind of the output artifact, nil when the stage prints its result.
  package let output: ArtifactKind?
  /// Every option but the inputs and `StageOptions`.
  package let parameters: [StageParameter]
  /// Whether the stage advances its checkpoint input by some steps, so that a long run may be cut into calls.
  package let segmented: Bool
  /// Whether the stage also changes something besides its output, so that an output that exists proves nothing.
  let actsElsewhere: Bool
  /// One sentence for the top of the help.
  package let abstract: String
  /// A paragraph for the help.
  package let discussion: String

  package init(
    name: String, revision: Int, inputs: [StageInput] = [], output: ArtifactKind?,
    parameters: [StageParameter], segmented: Bool = false, actsElsewhere: Bool = false,
    abstract: String, discussion: String = ""
  ) {
    self.name = name
    self.revision = revision
    self.inputs = inputs
    self.output = output
    self.parameters = parameters
    self.segmented = segmented
    self.actsElsewhere = actsElsewhere
    self.abstract = abstract
    self.discussion = discussion
  }
}

extension StageDescription {
  /// Whether a parameter says how far one call of a segmented stage goes: no state depends on it, but which state
  /// is published does.
  func isExtent(_ parameter: StageParameter) -> Bool { segmented && parameter.name == "steps" }
}

/// An artifact that a stage reads. The role is also the flag that names its directory.
package struct StageInput: Sendable {
  package let role: String
  package let kinds: [ArtifactKind]
  package let required: Bool
  /// Whether the flag may be given several times. Records call the second artifact `role-2`, and so on.
  package let repeats: Bool

  package static func required(_ role: String, _ kinds: ArtifactKind...) -> StageInput {
    StageInput(role: role, kinds: kinds, required: true, repeats: false)
  }

  package static func optional(_ role: String, _ kinds: ArtifactKind...) -> StageInput {
    StageInput(role: role, kinds: kinds, required: false, repeats: false)
  }

  /// One artifact or more.
  package static func several(_ role: String, _ kinds: ArtifactKind...) -> StageInput {
    StageInput(role: role, kinds: kinds, required: true, repeats: true)
  }

  /// What records call the artifact that was given at an index.
  func role(at index: Int) -> String { index == 0 ? role : "\(role)-\(index + 1)" }
}

/// An option of a stage: its flag without dashes, and what it means for the result.
///
/// Type and default stand in the option's own declaration and are read from there.
package struct StageParameter: Sendable {
  package enum Influence: String, Sendable {
    /// The result depends on it.
    case result
    /// The state from some step on depends on it (`--influences`).
    case fromStep = "from-step"
    /// Nothing that is published depends on it.
    case never
  }

  package enum Kind: String, Sendable {
    case integer, number, string, boolean
    /// A file or files whose content counts.
    case path
    /// The directory of a model, whose content counts, or a model's name on the Hugging Face Hub.
    case model
    /// Several words with commas between them.
    case list
  }

  package let name: String
  package let influence: Influence
  /// Said only where the option's Swift type does not: a string may be a path or a list.
  let kind: Kind?

  package static func result(_ name: String, _ kind: Kind? = nil) -> StageParameter {
    StageParameter(name: name, influence: .result, kind: kind)
  }

  package static func fromStep(_ name: String, _ kind: Kind? = nil) -> StageParameter {
    StageParameter(name: name, influence: .fromStep, kind: kind)
  }

  package static func never(_ name: String, _ kind: Kind? = nil) -> StageParameter {
    StageParameter(name: name, influence: .never, kind: kind)
  }
}

extension StageParameter.Kind {
  /// Whether a value is a path.
  var namesFiles: Bool { self == .path || self == .model }
}

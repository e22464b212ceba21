import Artifacts
import Failures

/// A stage of the pipeline together with the program that makes it, checked against each other.
package struct BoundStage: Sendable {
  package let declaration: StageDeclaration
  package let interface: StageInterface
  let executable: String
  var parameters: StageParameters
  var evaluation: Evaluation?
  /// Declared environment variables with their values.
  let environment: [String: String]

  package var name: String { declaration.name }

  /// What is evaluated at every `eval-step` of a segmented stage.
  struct Evaluation: Sendable {
    let interface: StageInterface
    let executable: String
    var parameters: StageParameters
    /// Inputs that the file names; the rest are the stage's own inputs of the same role.
    let inputs: [StageDeclaration.Input]
    /// The role under which the state is evaluated.
    let stateRole: String
  }
}

/// Checks every stage against its program's `--describe`, before anything runs.
struct StageBinder {
  let catalog: StageCatalog

  /// - Throws: `Failure` at the place in the pipeline file of the first thing that does not fit.
  func bind(_ declarations: [StageDeclaration]) async throws(Failure) -> [BoundStage] {
    var bound: [BoundStage] = []
    var outputs = Outputs()
    for declaration in declarations {
      let stage = try await bind(declaration, outputs: outputs)
      outputs.add(stage)
      bound.append(stage)
    }
    return bound
  }

  private func bind(_ declaration: StageDeclaration, outputs: Outputs) async throws(Failure) -> BoundStage {
    try outputs.check(declaration.parameters + (declaration.evaluation?.parameters ?? []))
    let environment = try declaration.environment.values()
    switch declaration.work {
    case .program(let name, let cursor):
      return try await bind(declaration, name, cursor, environment, outputs)
    case .command(let command):
      return BoundStage(
        declaration: declaration, interface: command.interface(declaration), executable: CommandStage.shell,
        parameters: try command.parameters(declaration), evaluation: nil, environment: environment)
    }
  }

  private func bind(
    _ declaration: StageDeclaration, _ name: String, _ cursor: YAMLCursor, _ environment: [String: String],
    _ outputs: Outputs
  ) async throws(Failure) -> BoundStage {
    let (executable, interface) = try await program(name, at: cursor, directory: declaration.directory)
    guard interface.output != nil else {
      throw cursor.failure("\(interface.name) makes no artifact, so it cannot be a stage")
    }
    try check(declaration.inputs, of: interface, outputs: outputs)
    for input in interface.inputs where input.required {
      if !declaration.inputs.contains(where: { $0.role == input.role }) {
        throw declaration.cursor.failure("\(interface.name) needs an input '\(input.role)'")
      }
    }
    let parameters = try StageParameters(
      declaration.parameters, of: interface, directory: declaration.directory)
    var evaluation: BoundStage.Evaluation?
    if let declared = declaration.evaluation {
      evaluation = try await bind(declared, of: declaration, interface, parameters, outputs: outputs)
    } else if parameters.evaluationStep != nil {
      throw declaration.cursor.failure(
        "'eval-step' is given, but nothing to evaluate", hint: "add 'evaluate: true' beside 'with'")
    }
    return BoundStage(
      declaration: declaration, interface: interface, executable: executable, parameters: parameters,
      evaluation: evaluation,
      environment: environment.merging(StageEnvironment.endpoints(parameters.endpointVariables)) { own, _ in own })
  }

  private func program(
    _ name: String, at cursor: YAMLCursor, directory: String
  ) async throws(Failure) -> (executable: String, interface: StageInterface) {
    do {
      return try await catalog.interface(of: name, directory: directory)
    } catch {
      throw Failure(error.kind, cursor.failure(error.message).message, hint: error.hint)
    }
  }

  private func check(
    _ inputs: [StageDeclaration.Input], of interface: StageInterface, outputs: Outputs
  ) throws(Failure) {
    for input in inputs {
      guard let expected = interface.input(for: input.role) else {
        let isParameter = interface.parameter(input.role) != nil
        throw input.cursor.failure(
          "\(interface.name) has no input '\(input.role)'",
          hint: isParameter
            ? "'\(input.role)' is a parameter: write it under 'with'"
            : Suggestion.hint(
              for: input.role, among: interface.inputs.map(\.role) + StageEntry.keys,
              calling: "known keys"))
      }
      if case .stage(let name) = input.source, let kind = outputs.kinds[name], !expected.kinds.contains(kind) {
        let kinds = expected.kinds.map(\.rawValue).joined(separator: " or ")
        throw input.cursor.failure(
          "the input '\(input.role)' of \(interface.name) must be a \(kinds), but '\(name)' makes a \(kind.rawValue)"
        )
      }
    }
  }

  // MARK: - Evaluations along the way

  private func bind(
    _ evaluation: StageDeclaration.Evaluation, of declaration: StageDeclaration, _ advanced: StageInterface,
    _ parameters: StageParameters, outputs: Outputs
  ) async throws(Failure) -> BoundStage.Evaluation {
    guard advanced.segmented, let stateKind = advanced.output else {
      throw evaluation.cursor.failure("'evaluate' is for stages that train, and \(advanced.name) does not")
    }
    guard parameters.evaluationStep != nil else {
      throw evaluation.cursor.failure(
        "'evaluate' is given, but not how often", hint: "add 'eval-step' to 'with'")
    }
    let (executable, interface) = try await program(
      evaluation.program, at: evaluation.cursor, directory: declaration.directory)
    try check(evaluation.inputs, of: interface, outputs: outputs)
    guard let state = interface.inputs.first(where: { $0.kinds.contains(stateKind) }) else {
      throw evaluation.cursor.failure("\(interface.name) takes no \(stateKind.rawValue)")
    }
    for input in interface.inputs where input.required && input.role != state.role {
      let given = evaluation.inputs + declaration.inputs
      if !given.contains(where: { $0.role == input.role }) {
        throw evaluation.cursor.failure("\(interface.name) needs an input '\(input.role)'")
      }
    }
    return BoundStage.Evaluation(
      interface: interface, executable: executable,
      parameters: try StageParameters(evaluation.parameters, of: interface, directory: declaration.directory),
      inputs: evaluation.inputs, stateRole: state.role)
  }
}

/// What the stages that are bound so far make.
private struct Outputs {
  private(set) var kinds: [String: ArtifactKind] = [:]
  /// The files of commands.
  private var files: [String: [String]] = [:]

  mutating func add(_ stage: BoundStage) {
    kinds[stage.name] = stage.interface.output
    if case .command(let command) = stage.declaration.work { files[stage.name] = command.outputs }
  }

  /// A file that a parameter takes from a command must be one that it makes, or lie in a directory of that name.
  func check(_ parameters: [StageDeclaration.Argument]) throws(Failure) {
    for case .output(let stage, let path, let cursor) in parameters.flatMap(\.words) where !path.isEmpty {
      guard let files = files[stage] else { continue }
      guard files.contains(where: { $0 == path || path.hasPrefix($0 + "/") || $0.hasPrefix(path + "/") }) else {
        throw cursor.failure(
          "'\(stage)' makes no '\(path)'", hint: Suggestion.hint(for: path, among: files, calling: "it makes"))
      }
    }
  }
}

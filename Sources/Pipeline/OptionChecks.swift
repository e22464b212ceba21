import Artifacts
import Failures
import JSON

/// What the programs think of the options of their stages, asked before anything runs: a slip in the last stage must
/// not show after hours of training.
struct OptionChecks {
  private let store: Store
  /// The keys of the questions that were asked now.
  private var asked: [Digest] = []

  private static let passed: JSON = true

  /// - Throws: `Failure.badData` at the place of an option, in the program's own words.
  init(of stages: [BoundStage], processes: any StageProcesses, store: Store) async throws(Failure) {
    self.store = store
    for stage in stages {
      try await check(stage.interface, stage.executable, stage.parameters, stage.declaration.inputs, stage, processes)
      guard let evaluation = stage.evaluation else { continue }
      let inputs = stage.declaration.inputs + evaluation.inputs
      try await check(evaluation.interface, evaluation.executable, evaluation.parameters, inputs, stage, processes)
    }
  }

  /// Keeps what was found to be right, so that it is not asked again.
  func remember() throws(Failure) {
    for key in asked { try store.remember(Self.passed, under: key) }
  }

  private mutating func check(
    _ interface: StageInterface, _ executable: String, _ parameters: StageParameters,
    _ inputs: [StageDeclaration.Input], _ stage: BoundStage, _ processes: any StageProcesses
  ) async throws(Failure) {
    guard interface.checks else { return }
    // A file that another stage makes is not there to be looked into.
    let telling: [Failure.Kind] = parameters.hasOpenPaths ? [.usage] : [.usage, .badData]
    let flags =
      try parameters.resolved { _ throws(Failure) in "." }.flags(threads: nil) + Self.flags(for: inputs, of: interface)
    let key = try StageQuestions.key(
      ["--check"], of: interface, executable, flags: flags, environment: stage.environment)
    if asked.contains(key) || store.answer(under: key) == Self.passed { return }
    do {
      _ = try await processes.promptAnswer(
        executable, ["--check"] + flags, environment: stage.environment, directory: stage.declaration.directory)
      asked.append(key)
    } catch where telling.contains(error.kind) {
      let place = stage.declaration.cursor(ofOptionIn: error.message)
      throw Failure(.badData, place.failure(error.message).message, hint: error.hint)
    } catch {
      return  // a file that is not there, a program that does not answer: the stage itself will say it
    }
  }

  /// The inputs, as if they were there: nobody opens them.
  private static func flags(for inputs: [StageDeclaration.Input], of interface: StageInterface) -> [String] {
    let given = inputs.compactMap { interface.input(for: $0.role)?.role }
    let missing = interface.inputs.filter { $0.required && !given.contains($0.role) }.map(\.role)
    return (given + missing).flatMap { ["--\($0)", "."] }
  }
}

extension StageDeclaration {
  /// The place of the parameter that a program's sentence is about, else that of the stage.
  fileprivate func cursor(ofOptionIn sentence: String) -> YAMLCursor {
    let words = sentence.split { !($0.isLetter || $0.isNumber || $0 == "-") }
    let all = parameters + (evaluation?.parameters ?? [])
    return all.first { argument in words.contains { $0 == "--\(argument.name)" } }?.cursor
      ?? all.first { argument in words.contains { $0 == argument.name } }?.cursor ?? cursor
  }
}

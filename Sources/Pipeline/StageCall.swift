import Artifacts

/// How a stage's program is called: everything but where its output goes.
struct StageCall: Sendable {
  let executable: String
  var arguments: [String]
  /// Beyond what every stage gets.
  let environment: [String: String]
  /// Where it runs.
  let directory: String
  let resources: StageResources
  /// The files that a shell command must make; nil for a program, which makes an artifact by itself.
  let outputs: [String]?
}

extension BoundStage {
  /// - Parameters:
  ///   - share: the cores of a stage that asks for no number of them.
  func call(inputs: [(role: String, artifact: Artifact)], share: Int) -> StageCall {
    switch declaration.work {
    case .program: programCall(interface, executable, parameters, inputs, share: share)
    case .command(let command): commandCall(command, inputs, share: share)
    }
  }

  func call(_ evaluation: Evaluation, inputs: [(role: String, artifact: Artifact)], share: Int) -> StageCall {
    programCall(evaluation.interface, evaluation.executable, evaluation.parameters, inputs, share: share)
  }

  private func programCall(
    _ interface: StageInterface, _ executable: String, _ parameters: StageParameters,
    _ inputs: [(role: String, artifact: Artifact)], share: Int
  ) -> StageCall {
    let threads = declaration.resources.threads ?? share
    // A program with a parameter for its threads wants single-threaded libraries below it.
    let librariesThreads = interface.parameter("threads") == nil ? threads : 1
    return StageCall(
      executable: executable,
      arguments: inputs.flatMap { ["--\(interface.input(for: $0.role)?.role ?? $0.role)", $0.artifact.directory] } + parameters.flags(threads: threads),
      environment: StageEnvironment.threads(librariesThreads).merging(environment) { $1 },
      directory: declaration.directory, resources: declaration.resources, outputs: nil)
  }

  private func commandCall(
    _ command: CommandStage, _ inputs: [(role: String, artifact: Artifact)], share: Int
  ) -> StageCall {
    var variables = StageEnvironment.threads(declaration.resources.threads ?? share)
    for (role, artifact) in inputs { variables[role.variableName] = artifact.directory }
    return StageCall(
      executable: executable, arguments: ["-c", command.text],
      environment: variables.merging(environment) { $1 }, directory: declaration.directory,
      resources: declaration.resources, outputs: command.outputs)
  }
}

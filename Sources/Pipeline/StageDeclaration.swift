/// A stage as the pipeline file declares it, variables filled in, not yet checked against the program.
package struct StageDeclaration: Sendable {
  /// Its key in the file; a cell of a matrix adds its coordinates: `trained[method=lora,rank=8]`.
  package let name: String
  /// The key alone.
  package let family: String
  let work: Work
  package let inputs: [Input]
  let parameters: [Argument]
  let environment: StageEnvironment
  package let resources: StageResources
  /// Where the output is copied to, from the pipeline file's directory.
  let export: (path: String, cursor: YAMLCursor)?
  /// What is evaluated along a segmented stage, every `eval-step` steps.
  let evaluation: Evaluation?
  /// The absolute directory of the file that declares it: relative paths count from there, and it runs there.
  let directory: String
  /// The key in the file, for errors about the whole.
  let cursor: YAMLCursor

  /// What makes the output.
  enum Work: Sendable {
    /// A program that answers `--describe`.
    case program(String, YAMLCursor)
    case command(CommandStage)
  }

  /// The program that runs, such as `train-step`; `command` for a shell command.
  package var program: String {
    switch work {
    case .program(let name, _): name
    case .command: CommandStage.name
    }
  }

  package struct Input: Sendable {
    package let role: String
    package let source: Source
    let cursor: YAMLCursor
  }

  /// Where an input comes from: another stage, or an artifact that lies somewhere.
  package enum Source: Sendable, Equatable {
    case stage(String)
    case directory(String)
  }

  /// A parameter's words as they stand in the file; one that is empty is not given.
  struct Argument: Sendable {
    let name: String
    let words: [Word]
    let isList: Bool
    let cursor: YAMLCursor
    let nameCursor: YAMLCursor
  }

  enum Word: Sendable {
    case text(String)
    /// A file or directory in what another stage makes: `{from: clean, path: rows.jsonl}`.
    case output(stage: String, path: String, cursor: YAMLCursor)
  }

  struct Evaluation: Sendable {
    let program: String
    let inputs: [Input]
    let parameters: [Argument]
    let cursor: YAMLCursor
  }

  /// The stages that this one reads, each once.
  package var predecessors: [String] {
    var names: [String] = []
    for input in inputs + (evaluation?.inputs ?? []) {
      if case .stage(let name) = input.source, !names.contains(name) { names.append(name) }
    }
    for (_, name) in files where !names.contains(name) { names.append(name) }
    return names
  }

  /// The parameters that take files from other stages.
  var files: [(parameter: String, stage: String)] {
    (parameters + (evaluation?.parameters ?? [])).flatMap { argument in
      argument.words.compactMap { word in
        if case .output(let stage, _, _) = word { (argument.name, stage) } else { nil }
      }
    }
  }
}

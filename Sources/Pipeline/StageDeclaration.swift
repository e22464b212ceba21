/// A stage as the pipeline file declares it, variables filled in, not yet checked against the program.
package struct StageDeclaration: Sendable {
  /// Its key in the file; a cell of a matrix adds its coordinates: `trained[method=lora,rank=8]`.
  package let name: String
  /// The key alone.
  package let family: String
  /// The program that runs, such as `train-step`.
  package let program: String
  let programCursor: YAMLCursor
  package let inputs: [Input]
  let parameters: [Argument]
  /// Where the output is copied to, from the pipeline file's directory.
  let export: String?
  /// What is evaluated along a segmented stage, every `eval-step` steps.
  let evaluation: Evaluation?
  /// The key in the file, for errors about the whole.
  let cursor: YAMLCursor

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
    let words: [String]
    let isList: Bool
    let cursor: YAMLCursor
    let nameCursor: YAMLCursor
  }

  struct Evaluation: Sendable {
    let program: String
    let inputs: [Input]
    let parameters: [Argument]
    let cursor: YAMLCursor
  }
}

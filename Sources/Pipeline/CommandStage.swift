import Artifacts
import Failures
import JSON

/// A stage that is a shell command of the user's own: what it reads and what it makes are declared.
///
///     clean:
///       command: python clean.py "$raw/rows.jsonl" > "$output/rows.jsonl"
///       inputs: [clean.py]          # files and directories whose content counts
///       raw: download               # what another stage makes, at $raw
///       outputs: [rows.jsonl]       # what must be in $output when it ends, and nothing else
///
/// The text is part of the key as it stands, and the directories reach it as variables of its environment, so that
/// the key holds no path of this machine.
struct CommandStage: Sendable {
  static let name = "command"
  static let shell = "/bin/sh"
  private static let foreignKeys = ["stage", "with", "evaluate"]

  let text: String
  let inputs: [(path: String, cursor: YAMLCursor)]
  let outputs: [String]
  private let cursor: YAMLCursor

  init(_ entry: StageEntry, _ command: YAMLCursor, _ variables: Variables) throws(Failure) {
    for (key, keyCursor, _) in entry.members where Self.foreignKeys.contains(key) {
      throw keyCursor.failure("'\(key)' has no meaning for a command")
    }
    cursor = command
    text = try variables.text(of: command)
    guard !text.utf8.contains(0) else { throw command.failure("a command cannot hold a null byte") }
    inputs = try (entry["inputs"]?.elements() ?? []).map { element throws(Failure) in
      (try variables.text(of: element), element)
    }
    outputs = try (entry["outputs"]?.elements() ?? []).map { element throws(Failure) in
      let path = try variables.text(of: element)
      if let objection = ArtifactFile.objection(to: path) { throw element.failure(objection) }
      return path
    }
    if outputs.isEmpty {
      throw entry.cursor.failure(
        "the command does not say what it makes", hint: "name the files that it writes to $output: outputs: [FILE]")
    }
    try Self.check(entry)
    for (path, cursor) in inputs where ["command", "outputs"].contains(path) {
      throw cursor.failure("'\(path)' is taken", hint: "write ./\(path)")
    }
  }

  private static func check(_ entry: StageEntry) throws(Failure) {
    let environment = try entry["environment"]?.members() ?? []
    if let output = environment.first(where: { $0.key == "output" }) {
      throw output.keyCursor.failure("'output' is taken: it says where the command is to write")
    }
    for (key, keyCursor, _) in entry.members where !StageEntry.keys.contains(key) {
      guard key.variableName.isShellName, key.variableName != "output", key == key.lowercased() else {
        throw keyCursor.failure(
          "'\(key)' is no name for an input of a command: it becomes a variable of the shell, in small letters")
      }
      if environment.contains(where: { $0.key == key.variableName }) {
        throw keyCursor.failure("'\(key)' is an input and stands under 'environment' too")
      }
    }
  }

  /// What a program would say of itself.
  func interface(_ declaration: StageDeclaration) -> StageInterface {
    let roles = declaration.inputs.map {
      StageInterface.Input(role: $0.role, kinds: ArtifactKind.allCases, required: true, repeats: false)
    }
    let parameters =
      [("command", StageInterface.Parameter.Kind.string), ("outputs", .list)] + inputs.map { ($0.path, .path) }
    return StageInterface(
      name: Self.name, revision: 1, inputs: roles, output: .directory,
      parameters: parameters.map { StageInterface.Parameter(name: $0, kind: $1, defaultValue: .null, influence: .result) },
      segmented: false)
  }

  /// What would be given to it.
  func parameters(_ declaration: StageDeclaration) throws(Failure) -> StageParameters {
    func argument(_ name: String, _ words: [String], _ cursor: YAMLCursor) -> StageDeclaration.Argument {
      StageDeclaration.Argument(
        name: name, words: words.map { .text($0) }, isList: name == "outputs", cursor: cursor, nameCursor: cursor)
    }
    let arguments =
      [argument("command", [text], cursor), argument("outputs", outputs.sorted(), cursor)]
      + inputs.map { argument($0.path, [$0.path], $0.cursor) }
    return try StageParameters(
      arguments, of: interface(declaration), directory: declaration.directory)
  }
}

extension String {
  /// The name of the variable that holds an input's directory: `raw-data` is `raw_data`.
  var variableName: String { split(separator: "-", omittingEmptySubsequences: false).joined(separator: "_") }
}

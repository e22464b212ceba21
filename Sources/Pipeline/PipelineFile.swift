import Artifacts
package import Failures

/// A pipeline: named stages, each made from others.
///
///     variables: {lr: 3e-3}
///     stages:
///       base:    {stage: import-base, with: {base-model: quickstart/model}}
///       start:   {stage: init-adapter, base: base, with: {rank: 8}}
///       trained: {stage: train-step, base: base, checkpoint: start, with: {learning-rate: "${lr}"}}
package struct PipelineFile: Sendable {
  /// The file's path.
  package let path: String
  /// The file and those that it includes.
  package let paths: [String]
  /// In an order in which every stage stands behind its inputs.
  package let stages: [StageDeclaration]
  /// The stages whose `when` does not hold, and those that read them.
  package let leftOut: [String]

  /// The directory from which relative paths count.
  package var directory: String { Files.parent(of: path) }

  /// Where the store is unless somebody says otherwise: beside the file.
  package var storePath: String { Self.storePath(beside: path) }

  package static func storePath(beside path: String) -> String {
    let directory = Files.parent(of: path)
    return directory == "." ? ".randlora" : directory + "/.randlora"
  }

  /// Reads a pipeline file and those that it includes.
  ///
  /// - Parameters:
  ///   - settings: values that replace those of variables (`rank`) or of parameters of a stage (`start.rank`).
  /// - Throws: `Failure.badData` naming file, line and column; `Failure.usage` for a setting of nothing.
  package init(path: String, settings: [(name: String, value: String)] = []) throws(Failure) {
    try self.init(yaml: PipelineSource.text(of: path), path: path, settings: settings)
  }

  /// - Parameter path: where the text stands, or would stand.
  package init(
    yaml: String, path: String, settings: [(name: String, value: String)] = []
  ) throws(Failure) {
    self.path = path
    let sources = try PipelineSource.load(yaml: yaml, path: path)
    paths = sources.map(\.path)
    let variables = try Self.variables(sources, settings.filter { !$0.name.contains(".") })
    var expansion = try StageExpansion(sources, variables: variables)
    for (name, value) in settings where name.contains(".") { try expansion.set(name, to: value) }
    (stages, leftOut) = try expansion.declarations()
    try ExportPlaces.check(stages)
  }

  /// The values of the variables: those set win over the file's own, and those over the included files'.
  private static func variables(
    _ sources: [PipelineSource], _ settings: [(name: String, value: String)]
  ) throws(Failure) -> Variables {
    var variables = Variables()
    variables.later = Set(sources.flatMap(\.variables).map(\.key))
    for (name, keyCursor, value) in sources.flatMap(\.variables) {
      guard name.utf8.allSatisfy(\.isNameByte), !name.isEmpty else {
        throw keyCursor.failure("'\(name)' is no name for a variable: letters, digits, '_' and '-' only")
      }
      if variables[name] != nil { continue }
      let setting = settings.last { $0.name == name }?.value
      let text = value.isNull ? "" : try variables.text(of: value)
      variables.define(name, setting ?? text)
      variables.later.remove(name)
    }
    for (name, _) in settings where variables[name] == nil {
      throw Failure(
        .usage, "--set \(name): the pipeline has no variable of this name",
        hint: Suggestion.hint(for: name, among: variables.names, calling: "variables"))
    }
    return variables
  }

  /// The stages that a user named, or all; each with everything that it is made from.
  ///
  /// - Throws: `Failure.usage` when there is no such stage.
  package func selection(_ targets: [String]) throws(Failure) -> [StageDeclaration] {
    if targets.isEmpty { return stages }
    var wanted = Set<String>()
    for target in targets {
      let named = stages.filter { $0.name == target || $0.family == target }
      guard !named.isEmpty else { throw unknown(target) }
      wanted.formUnion(named.map(\.name))
    }
    for stage in stages.reversed() where wanted.contains(stage.name) {
      wanted.formUnion(stage.predecessors)
    }
    return stages.filter { wanted.contains($0.name) }
  }

  private func unknown(_ target: String) -> Failure {
    if leftOut.contains(target) {
      return Failure(
        .usage, "\(path): the stage '\(target)' is left out, because its 'when' does not hold",
        hint: "give its variables other values with --set")
    }
    return Failure(
      .usage, "\(path): there is no stage '\(target)'",
      hint: Suggestion.hint(for: target, among: stages.map(\.name), calling: "stages"))
  }
}

extension UInt8 {
  /// Whether a name in a pipeline file may contain it.
  var isNameByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

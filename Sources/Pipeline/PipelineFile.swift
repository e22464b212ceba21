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
  /// In an order in which every stage stands behind its inputs.
  package let stages: [StageDeclaration]

  /// The directory from which relative paths count.
  package var directory: String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// Where the store is unless somebody says otherwise: beside the file.
  package var storePath: String { directory == "." ? ".randlora" : directory + "/.randlora" }

  /// - Parameters:
  ///   - settings: values that replace those of variables.
  /// - Throws: `Failure.badData` naming file, line and column; `Failure.usage` for a setting of no variable.
  package init(
    yaml: String, path: String, settings: [(name: String, value: String)] = []
  ) throws(Failure) {
    self.path = path
    let root = try YAMLCursor(yaml: yaml, file: path)
    let members = try root.members()
    for member in members where !["variables", "stages", "description"].contains(member.key) {
      throw member.keyCursor.failure(
        "unknown key '\(member.key)'",
        hint: Suggestion.hint(
          for: member.key, among: ["variables", "stages", "description"], calling: "known keys"))
    }
    let variables = try Self.variables(members.first { $0.key == "variables" }?.value, settings)
    guard let stages = members.first(where: { $0.key == "stages" })?.value else {
      throw root.failure("the key 'stages' is missing")
    }
    self.stages = try StageExpansion(stages: stages, variables: variables).declarations()
  }

  private static func variables(
    _ cursor: YAMLCursor?, _ settings: [(name: String, value: String)]
  ) throws(Failure) -> Variables {
    var variables = Variables()
    for (name, keyCursor, value) in try cursor?.members() ?? [] {
      guard name.utf8.allSatisfy(\.isNameByte), !name.isEmpty else {
        throw keyCursor.failure("'\(name)' is no name for a variable: letters, digits, '_' and '-' only")
      }
      let setting = settings.last { $0.name == name }?.value
      let text = value.isNull ? "" : try variables.text(of: value)
      variables.define(name, setting ?? text)
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
      guard !named.isEmpty else {
        throw Failure(
          .usage, "\(path): there is no stage '\(target)'",
          hint: Suggestion.hint(for: target, among: stages.map(\.name), calling: "stages"))
      }
      wanted.formUnion(named.map(\.name))
    }
    for stage in stages.reversed() where wanted.contains(stage.name) {
      wanted.formUnion(stage.predecessors)
    }
    return stages.filter { wanted.contains($0.name) }
  }
}

extension StageDeclaration {
  /// The stages that this one reads, each once.
  package var predecessors: [String] {
    var names: [String] = []
    for input in inputs + (evaluation?.inputs ?? []) {
      if case .stage(let name) = input.source, !names.contains(name) { names.append(name) }
    }
    return names
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

import Artifacts
import Failures

/// Turns the `stages` of a pipeline's files into declarations: matrices multiplied out, variables filled in, ordered.
struct StageExpansion {
  private var entries: [StageEntry] = []
  private let variables: Variables

  init(_ sources: [PipelineSource], variables: Variables) throws(Failure) {
    self.variables = variables
    var seen: [String: YAMLCursor] = [:]
    for source in sources {
      for (name, cursor, _) in try source.stages?.members() ?? [] {
        if let other = seen[name] {
          throw cursor.failure("the stage '\(name)' is declared in \(other.file) too")
        }
        seen[name] = cursor
      }
    }
    let names = Set(seen.keys)
    for source in sources {
      let directory = try Files.absolute(source.directory)
      for (name, cursor, value) in try source.stages?.members() ?? [] {
        entries.append(
          try StageEntry(
            name: name, cursor: cursor, value: value, in: source, directory: directory, among: names))
      }
      try checkDefaults(of: source)
    }
    if entries.isEmpty, let stages = sources.first?.stages { throw stages.failure("the pipeline has no stages") }
  }

  /// A default for a program that no stage of the file runs is a slip of the pen.
  private func checkDefaults(of source: PipelineSource) throws(Failure) {
    if source.defaults.isEmpty { return }
    var programs: [String] = []
    for (_, _, stage) in try source.stages?.members() ?? [] {
      for (key, _, value) in try stage.members() {
        if key == "stage" { programs.append(try value.text()) }
        guard key == "evaluate", !value.isNull else { continue }
        var members: YAMLCursor.Members = []
        if case .mapping = value.content { members = try value.members() }
        programs.append(try members.first { $0.key == "stage" }?.value.text() ?? key)
      }
    }
    for (program, cursor, _) in source.defaults where !programs.contains(program) {
      throw cursor.failure(
        "no stage of this file runs '\(program)'",
        hint: Suggestion.hint(for: program, among: programs, calling: "programs"))
    }
  }

  /// Sets `STAGE.PARAMETER` to a value (YAML: a list may stand in brackets).
  ///
  /// - Throws: `Failure.usage` when there is no such stage.
  mutating func set(_ name: String, to value: String) throws(Failure) {
    let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let index = entries.firstIndex(where: { $0.name == parts[0] }) else {
      throw Failure(
        .usage, "--set \(name): the pipeline has no stage '\(parts[0])'",
        hint: Suggestion.hint(for: parts[0], among: entries.map(\.name), calling: "stages"))
    }
    var cursor = try YAMLCursor(yaml: value.isEmpty ? "~" : value, file: "--set \(name)")
    if case .mapping = cursor.content, !value.hasPrefix("{") {  // 'dir:' and 'a: b' are words like others
      cursor = YAMLCursor(text: value, file: "--set \(name)")
    }
    entries[index].settings.append((parts[1], cursor, cursor))
  }

  func declarations() throws(Failure) -> (stages: [StageDeclaration], leftOut: [String]) {
    var cells: [String: [Matrix.Cell]] = [:]
    var declarations: [StageDeclaration] = []
    var leftOut: [String] = []
    for entry in try StageEntry.ordered(entries) {
      let matrix = try cellsOf(entry, cells)
      cells[entry.name] = matrix
      if matrix.isEmpty { leftOut.append(entry.name) }
      for cell in matrix {
        let scope = StageScope(variables: variables.adding(cell), cell: cell, cells: cells)
        declarations.append(try scope.declaration(entry))
      }
    }
    return (declarations, leftOut)
  }

  /// The cells in which a stage is made: its own and those of what it reads, joined, as far as its `when` holds.
  /// None when it, or something that it reads, is left out.
  private func cellsOf(_ entry: StageEntry, _ cells: [String: [Matrix.Cell]]) throws(Failure) -> [Matrix.Cell] {
    var matrix = Matrix()
    if let axes = entry["matrix"] { matrix = try Matrix(axes, variables: variables) }
    let others = entry.references.compactMap { cells[$0] }
    for other in others { matrix.join(other) }
    if others.contains(where: \.isEmpty) { return [] }
    if matrix.cells.isEmpty {
      throw entry.cursor.failure("the stage's inputs have no matrix cell in common")
    }
    let condition = StageCondition(entry["when"])
    try matrix.keep { cell throws(Failure) in try condition.holds(variables.adding(cell)) }
    return matrix.cells
  }
}

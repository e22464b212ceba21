import Failures

/// Turns the `stages` of a pipeline file into declarations: matrices multiplied out, variables filled in, ordered.
struct StageExpansion {
  private static let ownKeys = ["stage", "with", "matrix", "evaluate", "export", "description"]

  private let entries: [(name: String, cursor: YAMLCursor, value: YAMLCursor)]
  private let variables: Variables

  init(stages: YAMLCursor, variables: Variables) throws(Failure) {
    self.variables = variables
    var entries: [(name: String, cursor: YAMLCursor, value: YAMLCursor)] = []
    for (name, cursor, value) in try stages.members() {
      guard !name.isEmpty, name.utf8.allSatisfy(\.isNameByte) else {
        throw cursor.failure("'\(name)' is no name for a stage: letters, digits, '_' and '-' only")
      }
      entries.append((name, cursor, value))
    }
    if entries.isEmpty { throw stages.failure("the pipeline has no stages") }
    self.entries = entries
  }

  func declarations() throws(Failure) -> [StageDeclaration] {
    var cells: [String: [Matrix.Cell]] = [:]
    var declarations: [StageDeclaration] = []
    for entry in try ordered() {
      let members = try entry.value.members()
      var matrix = Matrix()
      if let axes = members.first(where: { $0.key == "matrix" })?.value {
        matrix = try Matrix(axes, variables: variables)
      }
      for name in try references(of: entry.value) {
        if let other = cells[name] { matrix.join(other) }
      }
      if matrix.cells.isEmpty {
        throw entry.cursor.failure("the stage's inputs have no matrix cell in common")
      }
      cells[entry.name] = matrix.cells
      for cell in matrix.cells {
        declarations.append(try declaration(entry.name, entry.cursor, members, cell: cell, cells: cells))
      }
    }
    return declarations
  }

  // MARK: - Order

  /// The entries, each behind those that it reads; in the file's order where that leaves a choice.
  private func ordered() throws(Failure) -> [(name: String, cursor: YAMLCursor, value: YAMLCursor)] {
    var order: [(name: String, cursor: YAMLCursor, value: YAMLCursor)] = []
    var done = Set<String>()
    var waiting = entries
    while !waiting.isEmpty {
      var stuck: [(name: String, cursor: YAMLCursor, value: YAMLCursor)] = []
      for entry in waiting {
        if try references(of: entry.value).allSatisfy({ done.contains($0) || $0 == "" }) {
          done.insert(entry.name)
          order.append(entry)
        } else {
          stuck.append(entry)
        }
      }
      guard stuck.count < waiting.count else { throw try cycle(stuck) }
      waiting = stuck
    }
    return order
  }

  private func cycle(
    _ stuck: [(name: String, cursor: YAMLCursor, value: YAMLCursor)]
  ) throws(Failure) -> Failure {
    var path: [String] = []
    var name = stuck[0].name
    while !path.contains(name), let entry = stuck.first(where: { $0.name == name }) {
      path.append(name)
      let next = try references(of: entry.value).first { next in stuck.contains { $0.name == next } }
      name = next ?? name
    }
    let loop = path[(path.firstIndex(of: name) ?? 0)...] + [name]
    let cursor = stuck.first { $0.name == name }?.cursor ?? stuck[0].cursor
    return cursor.failure("the stage '\(name)' needs itself: \(loop.joined(separator: " ← "))")
  }

  /// The names of the stages that an entry reads.
  private func references(of value: YAMLCursor) throws(Failure) -> [String] {
    var names: [String] = []
    for (key, _, input) in try value.members() {
      if key == "evaluate", case .mapping = input.content {
        names += try references(of: input)
      } else if !Self.ownKeys.contains(key), case .text(let text) = input.content, !text.contains("/") {
        names.append(try known(text, at: input))
      }
    }
    return names
  }

  private func known(_ name: String, at cursor: YAMLCursor) throws(Failure) -> String {
    if entries.contains(where: { $0.name == name }) { return name }
    throw cursor.failure(
      "there is no stage '\(name)'",
      hint: Suggestion.hint(for: name, among: entries.map(\.name), calling: "stages"))
  }

  // MARK: - One stage

  private typealias Members = [(key: String, keyCursor: YAMLCursor, value: YAMLCursor)]

  private func declaration(
    _ name: String, _ cursor: YAMLCursor, _ members: Members, cell: Matrix.Cell,
    cells: [String: [Matrix.Cell]]
  ) throws(Failure) -> StageDeclaration {
    var variables = variables
    for (axis, value) in cell { variables.define("matrix.\(axis)", value) }
    let scope = StageScope(variables: variables, cell: cell, cells: cells)
    guard let program = members.first(where: { $0.key == "stage" })?.value else {
      throw cursor.failure("the stage '\(name)' does not say which program it runs (key 'stage')")
    }
    let export = members.first { $0.key == "export" }?.value
    return StageDeclaration(
      name: name + Matrix.name(cell), family: name, program: try variables.text(of: program),
      programCursor: program, inputs: try inputs(members, scope),
      parameters: try scope.arguments(members.first { $0.key == "with" }?.value),
      export: try export.map { value throws(Failure) in try variables.text(of: value) },
      evaluation: try members.first { $0.key == "evaluate" }.flatMap { member throws(Failure) in
        try evaluation(member.value, scope)
      },
      cursor: cursor)
  }

  private func inputs(_ members: Members, _ scope: StageScope) throws(Failure) -> [StageDeclaration.Input] {
    var inputs: [StageDeclaration.Input] = []
    for (key, keyCursor, value) in members where !Self.ownKeys.contains(key) && !value.isNull {
      guard case .text = value.content else {
        throw keyCursor.failure(
          "unknown key '\(key)'; an input names a stage",
          hint: Suggestion.hint(for: key, among: Self.ownKeys, calling: "known keys"))
      }
      inputs.append(try scope.input(key, value))
    }
    return inputs
  }

  /// `evaluate: true`, or `evaluate: {stage: evaluate, dataset: other, with: {…}}`.
  private func evaluation(
    _ cursor: YAMLCursor, _ scope: StageScope
  ) throws(Failure) -> StageDeclaration.Evaluation? {
    if case .text(let text) = cursor.content {
      guard ["true", "false"].contains(text) else {
        throw cursor.failure("expected true, false or a mapping")
      }
      if text == "false" { return nil }
      return StageDeclaration.Evaluation(program: "evaluate", inputs: [], parameters: [], cursor: cursor)
    }
    let members = try cursor.members()
    for member in members where ["matrix", "evaluate", "export"].contains(member.key) {
      throw member.keyCursor.failure("'\(member.key)' has no meaning inside 'evaluate'")
    }
    let program = try members.first { $0.key == "stage" }.map { member throws(Failure) in
      try scope.variables.text(of: member.value)
    }
    return StageDeclaration.Evaluation(
      program: program ?? "evaluate", inputs: try inputs(members, scope),
      parameters: try scope.arguments(members.first { $0.key == "with" }?.value), cursor: cursor)
  }
}

/// What the values of one stage (one cell of it) may refer to.
struct StageScope {
  let variables: Variables
  let cell: Matrix.Cell
  let cells: [String: [Matrix.Cell]]

  func input(_ role: String, _ value: YAMLCursor) throws(Failure) -> StageDeclaration.Input {
    let text = try value.text()
    if text.contains("/") {
      let directory = try variables.text(of: value)
      return StageDeclaration.Input(role: role.flagName, source: .directory(directory), cursor: value)
    }
    let coordinates = cells[text]?.first { Matrix.agree($0, cell) } ?? []
    return StageDeclaration.Input(
      role: role.flagName, source: .stage(text + Matrix.name(coordinates)), cursor: value)
  }

  func arguments(_ cursor: YAMLCursor?) throws(Failure) -> [StageDeclaration.Argument] {
    var arguments: [StageDeclaration.Argument] = []
    for (name, nameCursor, value) in try cursor?.members() ?? [] {
      var words: [String] = []
      for element in try value.elements() { words.append(try variables.text(of: element)) }
      var isList = false
      if case .sequence = value.content { isList = true }
      if arguments.contains(where: { $0.name == name.flagName }) {
        throw nameCursor.failure("the parameter '\(name)' appears twice")
      }
      arguments.append(
        StageDeclaration.Argument(
          name: name.flagName, words: words, isList: isList, cursor: value, nameCursor: nameCursor))
    }
    return arguments
  }
}

extension String {
  /// The spelling of a flag: `learning_rate` is `learning-rate`.
  var flagName: String { split(separator: "_", omittingEmptySubsequences: false).joined(separator: "-") }
}

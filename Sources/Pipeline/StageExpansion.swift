import Failures

/// Turns the `stages` of a pipeline file into declarations: matrices multiplied out, variables filled in, ordered.
struct StageExpansion {
  private static let ownKeys = ["stage", "with", "matrix", "evaluate", "export", "description"]

  private struct Entry {
    let name: String
    let cursor: YAMLCursor
    let members: Members
    /// The entries that it reads.
    let references: [String]
  }

  private typealias Members = [(key: String, keyCursor: YAMLCursor, value: YAMLCursor)]

  private let entries: [Entry]
  private let variables: Variables

  init(stages: YAMLCursor, variables: Variables) throws(Failure) {
    self.variables = variables
    let members = try stages.members()
    if members.isEmpty { throw stages.failure("the pipeline has no stages") }
    let names = Set(members.map(\.key))
    var entries: [Entry] = []
    for (name, cursor, value) in members {
      guard !name.isEmpty, name.utf8.allSatisfy(\.isNameByte) else {
        throw cursor.failure("'\(name)' is no name for a stage: letters, digits, '_' and '-' only")
      }
      let members = try value.members()
      entries.append(
        Entry(
          name: name, cursor: cursor, members: members,
          references: try Self.references(of: members, among: names)))
    }
    self.entries = entries
  }

  func declarations() throws(Failure) -> [StageDeclaration] {
    var cells: [String: [Matrix.Cell]] = [:]
    var declarations: [StageDeclaration] = []
    for entry in try ordered() {
      var matrix = Matrix()
      if let axes = entry.members.first(where: { $0.key == "matrix" })?.value {
        matrix = try Matrix(axes, variables: variables)
      }
      for name in entry.references {
        if let other = cells[name] { matrix.join(other) }
      }
      if matrix.cells.isEmpty {
        throw entry.cursor.failure("the stage's inputs have no matrix cell in common")
      }
      cells[entry.name] = matrix.cells
      for cell in matrix.cells {
        declarations.append(try declaration(entry, cell: cell, cells: cells))
      }
    }
    return declarations
  }

  // MARK: - Order

  /// The entries, each behind those that it reads; in the file's order where that leaves a choice.
  private func ordered() throws(Failure) -> [Entry] {
    var order: [Entry] = []
    var done = Set<String>()
    var waiting = entries
    while !waiting.isEmpty {
      var stuck: [Entry] = []
      for entry in waiting {
        if entry.references.allSatisfy(done.contains) {
          done.insert(entry.name)
          order.append(entry)
        } else {
          stuck.append(entry)
        }
      }
      guard stuck.count < waiting.count else { throw cycle(stuck) }
      waiting = stuck
    }
    return order
  }

  private func cycle(_ stuck: [Entry]) -> Failure {
    var path: [Entry] = []
    var next: Entry? = stuck[0]
    while let entry = next, !path.contains(where: { $0.name == entry.name }) {
      path.append(entry)
      next = stuck.first { entry.references.contains($0.name) }
    }
    guard let again = next else { return stuck[0].cursor.failure("the stage needs itself") }
    let loop = path.drop { $0.name != again.name }.map(\.name) + [again.name]
    return again.cursor.failure("the stage '\(again.name)' needs itself: \(loop.joined(separator: " ← "))")
  }

  /// The names of the stages that an entry reads.
  private static func references(of members: Members, among names: Set<String>) throws(Failure) -> [String] {
    var found: [String] = []
    for (key, _, input) in members {
      if key == "evaluate", case .mapping = input.content {
        found += try references(of: input.members(), among: names)
      } else if !ownKeys.contains(key), case .text(let name) = input.content, !name.contains("/") {
        guard names.contains(name) else {
          throw input.failure(
            "there is no stage '\(name)'",
            hint: Suggestion.hint(for: name, among: names.sorted(), calling: "stages"))
        }
        found.append(name)
      }
    }
    return found
  }

  // MARK: - One stage

  private func declaration(
    _ entry: Entry, cell: Matrix.Cell, cells: [String: [Matrix.Cell]]
  ) throws(Failure) -> StageDeclaration {
    let (name, cursor, members) = (entry.name, entry.cursor, entry.members)
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

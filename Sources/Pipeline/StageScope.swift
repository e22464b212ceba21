import Failures

/// What the values of one stage (one cell of it) may refer to.
struct StageScope {
  let variables: Variables
  let cell: Matrix.Cell
  let cells: [String: [Matrix.Cell]]

  func declaration(_ entry: StageEntry) throws(Failure) -> StageDeclaration {
    let work = try work(entry)
    var parameters: [StageDeclaration.Argument] = []
    if case .program(let program, _) = work {
      parameters = try arguments(entry["with"], of: program, defaults: entry.defaults, settings: entry.settings)
    } else if let setting = entry.settings.first {
      throw setting.keyCursor.failure("the stage '\(entry.name)' is a command, which has no parameters")
    }
    return StageDeclaration(
      name: entry.name + Matrix.name(cell), family: entry.name, work: work,
      inputs: try inputs(entry.members), parameters: parameters,
      environment: try StageEnvironment(entry["environment"], variables),
      resources: try StageResources(entry.members, variables),
      export: try entry["export"].map { value throws(Failure) in (try variables.text(of: value), value) },
      evaluation: try entry["evaluate"].flatMap { value throws(Failure) in try evaluation(value, entry) },
      directory: entry.directory, cursor: entry.cursor)
  }

  private func work(_ entry: StageEntry) throws(Failure) -> StageDeclaration.Work {
    if let command = entry["command"] { return .command(try CommandStage(entry, command, variables)) }
    guard let program = entry["stage"] else {
      throw entry.cursor.failure(
        "the stage '\(entry.name)' does not say what it runs (key 'stage' or 'command')")
    }
    for (key, keyCursor, _) in entry.members where ["inputs", "outputs"].contains(key) {
      throw keyCursor.failure("'\(key)' is for commands; a program says itself what it reads and makes")
    }
    return .program(try variables.text(of: program), program)
  }

  private func inputs(_ members: YAMLCursor.Members) throws(Failure) -> [StageDeclaration.Input] {
    var inputs: [StageDeclaration.Input] = []
    for (key, keyCursor, value) in members where !StageEntry.keys.contains(key) && !value.isNull {
      if case .mapping = value.content {
        throw keyCursor.failure(
          "unknown key '\(key)'; an input names a stage, or several in a list",
          hint: Suggestion.hint(for: key, among: StageEntry.keys, calling: "known keys"))
      }
      for (index, element) in try value.elements().enumerated() {
        let text = try element.text()
        let source: StageDeclaration.Source =
          text.contains("/") ? .directory(try variables.text(of: element)) : .stage(stageName(text))
        let role = index == 0 ? key.flagName : "\(key.flagName)-\(index + 1)"
        if inputs.contains(where: { $0.role == role }) { throw keyCursor.failure("the input '\(role)' appears twice") }
        inputs.append(StageDeclaration.Input(role: role, source: source, cursor: element))
      }
    }
    return inputs
  }

  /// The cell of another stage that goes with this one.
  private func stageName(_ family: String) -> String {
    family + Matrix.name(cells[family]?.first { Matrix.agree($0, cell) } ?? [])
  }

  // MARK: - Parameters

  /// What is given here, over what was set for the file's stages of this program.
  private func arguments(
    _ cursor: YAMLCursor?, of program: String, defaults: YAMLCursor.Members, settings: YAMLCursor.Members = []
  ) throws(Failure) -> [StageDeclaration.Argument] {
    let own = try arguments(cursor?.members() ?? [])
    let set = try arguments(settings)
    let others = try arguments(defaults.first { $0.key == program }?.value.members() ?? [])
    let given = own.filter { argument in !set.contains { $0.name == argument.name } } + set
    return given + others.filter { argument in !given.contains { $0.name == argument.name } }
  }

  private func arguments(_ members: YAMLCursor.Members) throws(Failure) -> [StageDeclaration.Argument] {
    var arguments: [StageDeclaration.Argument] = []
    for (name, nameCursor, value) in members {
      var words: [StageDeclaration.Word] = []
      for element in try value.elements(allowingMappings: true) { words.append(try word(element)) }
      var isList = false
      if case .sequence = value.content { isList = true }
      // "${variable}" without a value: nothing is given.
      if !isList, case .text("")? = words.first, case .text(let text) = value.content, !text.isEmpty { words = [] }
      if arguments.contains(where: { $0.name == name.flagName }) {
        throw nameCursor.failure("the parameter '\(name)' appears twice")
      }
      arguments.append(
        StageDeclaration.Argument(
          name: name.flagName, words: words, isList: isList, cursor: value, nameCursor: nameCursor))
    }
    return arguments
  }

  private func word(_ cursor: YAMLCursor) throws(Failure) -> StageDeclaration.Word {
    guard case .mapping = cursor.content else { return .text(try variables.text(of: cursor)) }
    let members = try cursor.members()
    for member in members where !["from", "path"].contains(member.key) {
      throw member.keyCursor.failure(
        "unknown key '\(member.key)'; a file in what a stage makes is {from: STAGE, path: FILE}")
    }
    guard let stage = members.first(where: { $0.key == "from" })?.value else {
      throw cursor.failure("the key 'from' is missing")
    }
    let path = try members.first { $0.key == "path" }.map { member throws(Failure) in
      try variables.text(of: member.value)
    }
    return .output(stage: stageName(try stage.text()), path: path ?? "", cursor: cursor)
  }

  /// The stages that parameters take files from.
  static func fileReferences(in parameters: YAMLCursor) throws(Failure) -> [YAMLCursor] {
    var found: [YAMLCursor] = []
    for (_, _, value) in try parameters.members() {
      for element in try value.elements(allowingMappings: true) {
        guard case .mapping = element.content else { continue }
        found += try element.members().filter { $0.key == "from" }.map(\.value)
      }
    }
    return found
  }

  // MARK: - Evaluations along the way

  /// `evaluate: true`, or `evaluate: {stage: evaluate, dataset: other, with: {…}}`.
  private func evaluation(
    _ cursor: YAMLCursor, _ entry: StageEntry
  ) throws(Failure) -> StageDeclaration.Evaluation? {
    if case .text = cursor.content {
      let text = try variables.text(of: cursor)
      guard ["true", "false"].contains(text) else {
        throw cursor.failure("expected true, false or a mapping")
      }
      if text == "false" { return nil }
      return StageDeclaration.Evaluation(
        program: "evaluate", inputs: [],
        parameters: try arguments(nil, of: "evaluate", defaults: entry.defaults), cursor: cursor)
    }
    let members = try cursor.members()
    for member in members where StageEntry.keys.contains(member.key) && !["stage", "with"].contains(member.key) {
      throw member.keyCursor.failure("'\(member.key)' has no meaning inside 'evaluate'")
    }
    let program = try members.first { $0.key == "stage" }.map { member throws(Failure) in
      try variables.text(of: member.value)
    } ?? "evaluate"
    return StageDeclaration.Evaluation(
      program: program, inputs: try inputs(members),
      parameters: try arguments(
        members.first { $0.key == "with" }?.value, of: program, defaults: entry.defaults), cursor: cursor)
  }
}

extension String {
  /// The spelling of a flag: `learning_rate` is `learning-rate`.
  var flagName: String { split(separator: "_", omittingEmptySubsequences: false).joined(separator: "-") }
}

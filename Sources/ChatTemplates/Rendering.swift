/// One run of a template: its output so far and what it has used of its limits. This file has the statements.
final class Rendering {
  /// The text so far, of the template or of what is captured at the moment.
  private var output: [UInt8] = []
  /// The byte ranges of the text that generation blocks wrote.
  private var generations: [Range<Int>] = []
  /// The line of the statement that runs.
  private(set) var line = 1
  /// Steps that are left.
  private var steps: Int
  private var depth = 0
  /// How many texts are captured at the moment (those of macros and the like).
  private var captures = 0
  /// Scopes that hold macros, and namespaces: they may hold each other in cycles.
  private var scopes: [TemplateScope] = []
  private var namespaces: [TemplateNamespace] = []
  private var globals: [String: TemplateValue] = [:]

  private init(steps: Int) { self.steps = steps }

  /// What the template gives for some variables.
  ///
  /// - Throws: with the line at which it fails.
  static func run(
    _ template: [TemplateStatement], variables: [String: TemplateValue], date: CivilTime?, steps: Int
  ) throws(TemplateError) -> (text: [UInt8], generations: [Range<Int>]) {
    let rendering = Rendering(steps: steps)
    rendering.globals = rendering.makeGlobals(date)
    let scope = TemplateScope(variables, inside: nil)
    defer { rendering.clear() }
    rendering.scopes.append(scope)
    do throws(TemplateError) {
      _ = try rendering.execute(template, scope)
    } catch {
      throw TemplateError(error.message, hint: error.hint, line: error.line ?? rendering.line)
    }
    return (rendering.output, rendering.generations)
  }

  private func clear() {
    for scope in scopes { scope.clear() }
    for namespace in namespaces { namespace.attributes.removeAll() }
  }

  func global(_ name: String) -> TemplateValue? { globals[name] }

  func keep(_ namespace: TemplateNamespace) { namespaces.append(namespace) }

  // MARK: Limits

  func charge(_ weight: Int) throws(TemplateError) {
    steps -= weight
    guard steps >= 0 else { throw TemplateLimits.exceeded }
  }

  /// Counts a value that was made.
  func charged(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
    let weight = value.weight()
    guard weight <= TemplateLimits.valueWeight else { throw TemplateLimits.exceeded }
    try charge(weight)
    return value
  }

  func nested<T>(_ body: () throws(TemplateError) -> T) throws(TemplateError) -> T {
    guard depth < TemplateLimits.depth else {
      throw TemplateError("nested more than \(TemplateLimits.depth) levels deep while rendering")
    }
    depth += 1
    defer { depth -= 1 }
    return try body()
  }

  // MARK: Output

  private func write(_ text: String) throws(TemplateError) {
    try charge(1 + text.utf8.count / 64)
    output.append(contentsOf: text.utf8)
    guard output.count / 64 <= TemplateLimits.valueWeight else { throw TemplateLimits.exceeded }
  }

  /// The text that `body` writes.
  func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> String {
    let outer = output
    output = []
    captures += 1
    defer {
      output = outer
      captures -= 1
    }
    try body()
    return String(decoding: output, as: UTF8.self)
  }
}

// MARK: - Statements

extension Rendering {
  /// Where a body goes on after a statement.
  enum Flow { case onwards, breakLoop, continueLoop }

  func execute(_ statements: [TemplateStatement], _ scope: TemplateScope) throws(TemplateError) -> Flow {
    try nested { () throws(TemplateError) in
      for statement in statements {
        line = statement.line
        try charge(1)
        let flow = try execute(statement, scope)
        if flow != .onwards { return flow }
      }
      return .onwards
    }
  }

  private func execute(_ statement: TemplateStatement, _ scope: TemplateScope) throws(TemplateError) -> Flow {
    switch statement.kind {
    case .text(let text): try write(text)
    case .output(let expression): try write(try charged(try evaluate(expression, scope)).text)
    case .condition(let branches, let otherwise):
      for (test, body) in branches where try evaluate(test, scope).isTrue { return try execute(body, scope) }
      return try execute(otherwise, scope)
    case .loop(let loop): try run(loop, over: try evaluate(loop.sequence, scope), depth0: 0, scope)
    case .set(let target, let value): try assign(try evaluate(value, scope), to: target, scope)
    case .setBlock(let target, let filter, let body):
      try assign(try filtered(filter, try text(of: body, scope), scope), to: target, scope)
    case .macro(let macro):
      scopes.append(scope)
      scope[macro.name] = .function(function(macro, scope))
    case .call(let callee, let arguments, let caller):
      try write(try call(callee, arguments, scope, caller: function(caller, scope)).text)
    case .filterBlock(let filter, let body):
      try write(try filtered(filter, try text(of: body, scope), scope).text)
    case .with(let values, let body):
      let inner = TemplateScope(inside: scope)
      for (target, value) in values { try assign(try evaluate(value, scope), to: target, inner) }
      return try execute(body, inner)
    case .generation(let body): try generate(body, scope)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .onwards
  }

  private func text(of body: [TemplateStatement], _ scope: TemplateScope) throws(TemplateError)
    -> TemplateValue
  {
    .string(
      try captured { () throws(TemplateError) in _ = try execute(body, TemplateScope(inside: scope)) })
  }

  private func generate(_ body: [TemplateStatement], _ scope: TemplateScope) throws(TemplateError) {
    guard captures == 0 else {
      throw TemplateError("a generation block inside a macro or a captured text is not supported")
    }
    let start = output.count
    _ = try execute(body, TemplateScope(inside: scope))
    generations.append(start..<output.count)
  }

  private func assign(
    _ value: TemplateValue, to target: AssignmentTarget, _ scope: TemplateScope
  ) throws(TemplateError) {
    switch target {
    case .name(let name): scope[name] = value
    case .namespace(let name, let attribute):
      guard case .namespace(let namespace)? = scope[name] else {
        throw TemplateError("cannot set '\(name).\(attribute)': '\(name)' is no namespace")
      }
      namespace.attributes[attribute] = value
    case .tuple(let targets):
      let values = try value.elements()
      guard values.count == targets.count else {
        throw TemplateError("expected \(targets.count) values to assign, found \(values.count)")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target, scope) }
    }
  }
}

// MARK: - Loops

extension Rendering {
  private func run(
    _ loop: LoopSyntax, over sequence: TemplateValue, depth0: Int, _ scope: TemplateScope
  ) throws(TemplateError) {
    var elements: [TemplateValue] = []
    for element in try sequence.elements() {
      if let filter = loop.filter {
        let inner = TemplateScope(inside: scope)
        try assign(element, to: loop.target, inner)
        guard try evaluate(filter, inner).isTrue else { continue }
      }
      elements.append(element)
    }
    guard !elements.isEmpty else {
      _ = try execute(loop.otherwise, TemplateScope(inside: scope))
      return
    }
    let state = LoopState(elements, depth0: depth0, recurse: loop.isRecursive ? recursion(loop, scope) : nil)
    for (index, element) in elements.enumerated() {
      try charge(1)
      state.index0 = index
      let inner = TemplateScope(["loop": .loop(state)], inside: scope)
      try assign(element, to: loop.target, inner)
      if try execute(loop.body, inner) == .breakLoop { return }
    }
  }

  private func recursion(
    _ loop: LoopSyntax, _ scope: TemplateScope
  ) -> (TemplateValue, Int) throws(TemplateError) -> TemplateValue {
    { [unowned self] sequence, depth0 throws(TemplateError) in
      .string(
        try captured { () throws(TemplateError) in try run(loop, over: sequence, depth0: depth0, scope) })
    }
  }
}

// MARK: - Macros

extension Rendering {
  /// A macro as a value that can be called.
  private func function(_ macro: MacroSyntax, _ scope: TemplateScope) -> TemplateFunction {
    TemplateFunction(macro.name) { [unowned self] arguments throws(TemplateError) in
      let inner = TemplateScope(inside: scope)
      var arguments = arguments
      if let index = arguments.named.firstIndex(where: { $0.name == "caller" }) {
        inner["caller"] = arguments.named.remove(at: index).value
      }
      try bind(arguments, to: macro, inner)
      let outer = line
      defer { line = outer }
      return .string(try captured { () throws(TemplateError) in _ = try execute(macro.body, inner) })
    }
  }

  private func bind(
    _ arguments: TemplateArguments, to macro: MacroSyntax, _ scope: TemplateScope
  ) throws(TemplateError) {
    guard arguments.positional.count <= macro.parameters.count else {
      throw TemplateError(
        "the macro '\(macro.name)' takes \(macro.parameters.count) arguments, found \(arguments.positional.count)"
      )
    }
    for (name, _) in arguments.named {
      guard let index = macro.parameters.firstIndex(where: { $0.name == name }),
        index >= arguments.positional.count
      else { throw TemplateError("the macro '\(macro.name)' does not take the argument '\(name)'") }
    }
    for (index, parameter) in macro.parameters.enumerated() {
      if index < arguments.positional.count {
        scope[parameter.name] = arguments.positional[index]
      } else if let (_, value) = arguments.named.first(where: { $0.name == parameter.name }) {
        scope[parameter.name] = value
      } else if let value = parameter.defaultValue {
        scope[parameter.name] = try evaluate(value, scope)
      } else {
        scope[parameter.name] = .undefined(
          "the parameter '\(parameter.name)' of '\(macro.name)' was not given")
      }
    }
  }
}

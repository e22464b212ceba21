import JSON

/// Rendering: the values of expressions.
extension Rendering {
  func evaluate(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError)
    -> TemplateValue
  {
    try charge(1)
    return try nested { () throws(TemplateError) in try value(of: expression, scope) }
  }

  private func value(of expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError)
    -> TemplateValue
  {
    switch expression {
    case .literal(let value): return TemplateValue(value)
    case .name(let name): return scope[name] ?? global(name) ?? .undefined("'\(name)' is undefined")
    case .attribute(let base, let name):
      let value = try evaluate(base, scope)
      try charge(value.surface)
      return try value.attribute(name)
    case .item(let base, let key): return try evaluate(base, scope).item(try evaluate(key, scope))
    case .slice(let base, let start, let stop, let step): return try slice(base, start, stop, step, scope)
    case .call(let callee, let arguments): return try call(callee, arguments, scope, caller: nil)
    case .filter(let base, let name, let arguments):
      guard let base else { throw TemplateError("the filter '\(name)' has nothing to filter") }
      return try apply(name, try evaluate(base, scope), arguments, scope)
    case .test(let base, let name, let arguments): return try test(base, name, arguments, scope)
    case .not, .and, .or, .conditional, .comparison: return try logic(expression, scope)
    case .negative(let operand): return try evaluate(operand, scope).negated()
    case .positive(let operand): return try evaluate(operand, scope).defined()
    case .arithmetic(let left, let arithmetic, let right):
      return try charged(try evaluate(left, scope).applying(arithmetic, try evaluate(right, scope)))
    case .concatenation(let parts): return try concatenated(parts, scope)
    case .list(let elements): return try charged(.list(try values(of: elements, scope)))
    case .tuple(let elements): return try charged(.tuple(try values(of: elements, scope)))
    case .dictionary(let members):
      var pairs: [(TemplateValue, TemplateValue)] = []
      for (key, value) in members { pairs.append((try evaluate(key, scope), try evaluate(value, scope))) }
      return try charged(.dictionary(TemplateDictionary(pairs)))
    }
  }

  private func logic(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError)
    -> TemplateValue
  {
    switch expression {
    case .not(let operand): return .bool(!(try evaluate(operand, scope).isTrue))
    case .and(let left, let right):
      let value = try evaluate(left, scope)
      return value.isTrue ? try evaluate(right, scope) : value
    case .or(let left, let right):
      let value = try evaluate(left, scope)
      return value.isTrue ? value : try evaluate(right, scope)
    case .conditional(let test, let value, let otherwise):
      if try evaluate(test, scope).isTrue { return try evaluate(value, scope) }
      guard let otherwise else { return .undefined("a condition without 'else' did not hold") }
      return try evaluate(otherwise, scope)
    case .comparison(let first, let rest):
      var left = try evaluate(first, scope)
      for (comparison, operand) in rest {
        let right = try evaluate(operand, scope)
        try charge(left.surface + right.surface)
        guard try left.compare(comparison, right) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    default: throw TemplateError("no condition")
    }
  }

  private func values(of expressions: [TemplateExpression], _ scope: TemplateScope) throws(TemplateError)
    -> [TemplateValue]
  {
    var values: [TemplateValue] = []
    for expression in expressions { values.append(try evaluate(expression, scope)) }
    return values
  }

  private func concatenated(_ parts: [TemplateExpression], _ scope: TemplateScope) throws(TemplateError)
    -> TemplateValue
  {
    var text = ""
    for part in parts { text += try charged(try evaluate(part, scope)).text }
    return try charged(.string(text))
  }

  private func slice(
    _ base: TemplateExpression, _ start: TemplateExpression?, _ stop: TemplateExpression?,
    _ step: TemplateExpression?, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    func bound(_ expression: TemplateExpression?) throws(TemplateError) -> Int? {
      guard let expression else { return nil }
      let value = try evaluate(expression, scope)
      if case .null = value { return nil }
      guard let number = value.wholeNumber else {
        throw TemplateError("the bounds of a slice must be ints, found '\(value.typeName)'")
      }
      return number
    }
    let value = try evaluate(base, scope)
    try charge(value.surface)
    return try charged(try value.slice(try bound(start), try bound(stop), try bound(step) ?? 1))
  }
}

// MARK: - Calls, filters and tests

extension Rendering {
  /// - Parameter caller: what a `call` block hands to the macro.
  func call(
    _ callee: TemplateExpression, _ syntax: CallSyntax, _ scope: TemplateScope, caller: TemplateFunction?
  ) throws(TemplateError) -> TemplateValue {
    let value = try evaluate(callee, scope)
    var arguments = try arguments(syntax, scope)
    if let caller { arguments.named.append(("caller", .function(caller))) }
    switch try value.defined() {
    case .function(let function): return try charged(try function.call(arguments))
    case .loop(let loop):
      guard let recurse = loop.recurse else { throw TemplateError("the loop is not recursive") }
      let sequence = try arguments.bind("loop", "iterable").required(0, of: "loop")
      return try charged(try recurse(sequence, loop.depth0 + 1))
    default: throw TemplateError("'\(value.typeName)' object is not callable")
    }
  }

  private func arguments(_ syntax: CallSyntax, _ scope: TemplateScope) throws(TemplateError)
    -> TemplateArguments
  {
    var arguments = TemplateArguments(positional: try values(of: syntax.positional, scope))
    if let spread = syntax.spread { arguments.positional += try evaluate(spread, scope).elements() }
    for (name, value) in syntax.named { arguments.named.append((name, try evaluate(value, scope))) }
    if let spread = syntax.namedSpread {
      guard case .dictionary(let dictionary) = try evaluate(spread, scope) else {
        throw TemplateError("what follows '**' is no mapping")
      }
      for (key, value) in dictionary.members { arguments.named.append((key.text, value)) }
    }
    return arguments
  }

  private func apply(
    _ name: String, _ value: TemplateValue, _ syntax: CallSyntax, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    guard let filter = TemplateFilter(rawValue: name) else {
      throw TemplateError("the filter '\(name)' is not supported")
    }
    try charge(value.surface)
    return try charged(try filter.apply(to: value, try arguments(syntax, scope)))
  }

  /// A value through the filters of a block.
  func filtered(
    _ filter: TemplateExpression?, _ value: TemplateValue, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    guard case .filter(let inner, let name, let arguments)? = filter else { return value }
    return try apply(name, try filtered(inner, value, scope), arguments, scope)
  }

  private func test(
    _ base: TemplateExpression, _ name: String, _ syntax: CallSyntax, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    guard let test = TemplateTest(rawValue: name) else {
      throw TemplateError("the test '\(name)' is not supported")
    }
    let value = try evaluate(base, scope)
    try charge(value.surface)
    return .bool(try test.holds(value, try arguments(syntax, scope)))
  }
}

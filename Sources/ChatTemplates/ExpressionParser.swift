import JSON

/// Reading expressions: each function is one level of precedence, the loosest first.
extension TemplateParser {
  mutating func expression(allowsCondition: Bool = true) throws(TemplateError) -> TemplateExpression {
    try nested { parser throws(TemplateError) in
      allowsCondition ? try parser.conditional() : try parser.disjunction()
    }
  }

  /// An expression, or a tuple of several with commas between.
  mutating func tuple(
    allowsCondition: Bool = true, endingWith end: String? = nil, inParentheses: Bool = false
  ) throws(TemplateError) -> TemplateExpression {
    var values: [TemplateExpression] = []
    var isTuple = false
    while !isTupleEnd(end) {
      values.append(try expression(allowsCondition: allowsCondition))
      guard skip(",") else { break }
      isTuple = true
    }
    if !isTuple, let value = values.first { return value }
    guard isTuple || inParentheses else { throw error("expected an expression, found \(token.words)") }
    return .tuple(values)
  }

  private func isTupleEnd(_ end: String?) -> Bool {
    token.kind == .variableEnd || token.kind == .blockEnd || at(")") || end.map(atName) == true
  }

  private mutating func conditional() throws(TemplateError) -> TemplateExpression {
    var value = try disjunction()
    while skipName("if") {
      let test = try disjunction()
      let otherwise: TemplateExpression? = skipName("else") ? try expression() : nil
      value = try chained(.conditional(test, then: value, else: otherwise))
    }
    return value
  }

  private mutating func disjunction() throws(TemplateError) -> TemplateExpression {
    var value = try conjunction()
    while skipName("or") { value = try chained(.or(value, try conjunction())) }
    return value
  }

  private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
    var value = try negation()
    while skipName("and") { value = try chained(.and(value, try negation())) }
    return value
  }

  private mutating func negation() throws(TemplateError) -> TemplateExpression {
    guard skipName("not") else { return try comparison() }
    return .not(try nested { parser throws(TemplateError) in try parser.negation() })
  }

  private mutating func comparison() throws(TemplateError) -> TemplateExpression {
    let first = try sum()
    var rest: [(ComparisonOperator, TemplateExpression)] = []
    while let comparison = comparisonOperator() {
      advance()
      if comparison == .notContained { advance() }
      rest.append((comparison, try sum()))
    }
    return rest.isEmpty ? first : .comparison(first, rest)
  }

  private func comparisonOperator() -> ComparisonOperator? {
    switch token.kind {
    case .symbol(let symbol): ComparisonOperator(rawValue: symbol)
    case .name("in"): .contained
    case .name("not") where look().kind == .name("in"): .notContained
    default: nil
    }
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    var value = try concatenation()
    while at("+") || at("-") {
      value = try chained(.arithmetic(value, try arithmeticOperator(), try concatenation()))
    }
    return value
  }

  private mutating func arithmeticOperator() throws(TemplateError) -> ArithmeticOperator {
    guard case .symbol(let symbol) = token.kind, let found = ArithmeticOperator(rawValue: symbol) else {
      throw error("expected an operator, found \(token.words)")
    }
    advance()
    return found
  }

  private mutating func concatenation() throws(TemplateError) -> TemplateExpression {
    var values = [try product()]
    while skip("~") { values.append(try product()) }
    return values.count == 1 ? values[0] : .concatenation(values)
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    var value = try power()
    while at("*") || at("/") || at("//") || at("%") {
      value = try chained(.arithmetic(value, try arithmeticOperator(), try power()))
    }
    return value
  }

  private mutating func power() throws(TemplateError) -> TemplateExpression {
    var value = try unary()
    while at("**") { value = try chained(.arithmetic(value, try arithmeticOperator(), try unary())) }
    return value
  }

  private mutating func unary(allowsFilter: Bool = true) throws(TemplateError) -> TemplateExpression {
    var value: TemplateExpression
    if skip("-") {
      value = .negative(try nested { parser throws(TemplateError) in try parser.unary(allowsFilter: false) })
    } else if skip("+") {
      value = .positive(try nested { parser throws(TemplateError) in try parser.unary(allowsFilter: false) })
    } else {
      value = try primary()
    }
    value = try postfix(value)
    return allowsFilter ? try filtered(value) : value
  }
}

// MARK: - Values and what follows them

extension TemplateParser {
  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    let token = token
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.null)
      default: return .name(name)
      }
    case .string: return .literal(.string(strings()))
    case .integer(let value):
      advance()
      return .literal(.integer(value))
    case .float(let value):
      advance()
      return .literal(.number(value))
    case .symbol("("):
      advance()
      let value = try tuple(inParentheses: true)
      try expect(")")
      return value
    case .symbol("["): return .list(try list())
    case .symbol("{"): return .dictionary(try dictionary())
    default: throw error("unexpected \(token.words)")
    }
  }

  /// Strings that stand side by side are one.
  private mutating func strings() -> String {
    var text = ""
    while case .string(let part) = token.kind {
      text += part
      advance()
    }
    return text
  }

  private mutating func list() throws(TemplateError) -> [TemplateExpression] {
    try expect("[")
    var values: [TemplateExpression] = []
    while !at("]") {
      values.append(try expression())
      guard skip(",") else { break }
    }
    try expect("]")
    return values
  }

  private mutating func dictionary() throws(TemplateError) -> [(TemplateExpression, TemplateExpression)] {
    try expect("{")
    var members: [(TemplateExpression, TemplateExpression)] = []
    while !at("}") {
      let key = try expression()
      try expect(":")
      members.append((key, try expression()))
      guard skip(",") else { break }
    }
    try expect("}")
    return members
  }

  private mutating func postfix(_ start: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = start
    while true {
      if at(".") {
        value = try chained(try member(of: value))
      } else if at("[") {
        value = try chained(try subscripted(value))
      } else if at("(") {
        value = try chained(.call(value, try arguments()))
      } else {
        return value
      }
    }
  }

  private mutating func member(of value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    try expect(".")
    if case .integer(let index) = token.kind {
      advance()
      return .item(value, .literal(.integer(index)))
    }
    return .attribute(value, try expectName())
  }

  private mutating func subscripted(_ value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    try expect("[")
    let start: TemplateExpression? = at(":") ? nil : try expression()
    guard skip(":") else {
      try expect("]")
      guard let start else { throw error("expected an index") }
      return .item(value, start)
    }
    let stop: TemplateExpression? = at(":") || at("]") ? nil : try expression()
    let step: TemplateExpression? = skip(":") && !at("]") ? try expression() : nil
    try expect("]")
    return .slice(value, start: start, stop: stop, step: step)
  }

  /// Filters, tests and calls after a value.
  private mutating func filtered(_ start: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = start
    while true {
      if at("|") {
        value = try filters(of: value, startsInline: false)
      } else if atName("is") {
        value = try chained(try test(of: value))
      } else if at("(") {
        value = try chained(.call(value, try arguments()))
      } else {
        return value
      }
    }
  }

  /// - Parameters:
  ///   - value: what is filtered; nil for the body of a block.
  ///   - startsInline: whether the first filter stands without a `|`.
  mutating func filters(
    of value: TemplateExpression?, startsInline: Bool
  ) throws(TemplateError) -> TemplateExpression {
    var result = value
    var startsInline = startsInline
    while startsInline || at("|") {
      if !startsInline { advance() }
      startsInline = false
      let line = token.line
      let name = try expectName()
      guard TemplateFilter(rawValue: name) != nil else {
        throw error("the filter '\(name)' is not supported", line: line)
      }
      result = try chained(.filter(result, name, at("(") ? try arguments() : CallSyntax()))
    }
    guard let result else { throw error("expected a filter, found \(token.words)") }
    return result
  }

  private mutating func test(of value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    advance()
    let isNegated = skipName("not")
    let line = token.line
    let name = try expectName()
    guard TemplateTest(rawValue: name) != nil else {
      throw error("the test '\(name)' is not supported", line: line)
    }
    var call = CallSyntax()
    if at("(") {
      call = try arguments()
    } else if startsTestArgument {
      if atName("is") { throw error("tests with 'is' cannot be chained") }
      call.positional = [try postfix(try primary())]
    }
    return isNegated ? .not(.test(value, name, call)) : .test(value, name, call)
  }

  private var startsTestArgument: Bool {
    switch token.kind {
    case .name(let name): !["else", "or", "and"].contains(name)
    case .string, .integer, .float, .symbol("["), .symbol("{"): true
    default: false
    }
  }

  private mutating func arguments() throws(TemplateError) -> CallSyntax {
    try expect("(")
    var call = CallSyntax()
    while !at(")") {
      try argument(&call)
      guard skip(",") else { break }
    }
    try expect(")")
    return call
  }

  private mutating func argument(_ call: inout CallSyntax) throws(TemplateError) {
    if skip("*") {
      guard call.spread == nil, call.namedSpread == nil else { throw error("invalid arguments") }
      call.spread = try expression()
    } else if skip("**") {
      guard call.namedSpread == nil else { throw error("invalid arguments") }
      call.namedSpread = try expression()
    } else if case .name(let name) = token.kind, look().kind == .symbol("=") {
      advance()
      advance()
      call.named.append((name, try expression()))
    } else {
      guard call.named.isEmpty, call.spread == nil, call.namedSpread == nil else {
        throw error("an argument without a name follows one with a name")
      }
      call.positional.append(try expression())
    }
  }
}

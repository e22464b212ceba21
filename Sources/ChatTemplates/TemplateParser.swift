/// Reads tokens as a syntax tree: the statements. (Expressions have a file of their own.)
struct TemplateParser {
  private let tokens: [TemplateToken]
  private var index = 0
  private var depth = 0
  /// The blocks that are open, the innermost last.
  private var open: [(name: String, line: Int)] = []
  private var loops = 0
  /// Operators, filters and the like that were chained in the statement at hand.
  private var links = 0

  /// Deeper nesting than any honest template has; keeps a hostile one off the stack's end.
  static let maximumDepth = 100
  /// Chains make the syntax tree deep without nesting in the text.
  private static let maximumLinks = 500

  static func parse(_ source: String) throws(TemplateError) -> [TemplateStatement] {
    var parser = TemplateParser(tokens: try TemplateLexer.tokens(source))
    return try parser.statements(until: [])
  }

  private init(tokens: [TemplateToken]) { self.tokens = tokens }

  var token: TemplateToken { tokens[index] }
  func look() -> TemplateToken { tokens[min(index + 1, tokens.count - 1)] }
  mutating func advance() { index = min(index + 1, tokens.count - 1) }

  func error(_ message: String, line: Int? = nil) -> TemplateError {
    TemplateError(message, line: line ?? token.line)
  }

  func at(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
  func atName(_ name: String) -> Bool { token.kind == .name(name) }

  mutating func skip(_ symbol: String) -> Bool {
    guard at(symbol) else { return false }
    advance()
    return true
  }

  mutating func skipName(_ name: String) -> Bool {
    guard atName(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: String) throws(TemplateError) {
    guard skip(symbol) else { throw error("expected '\(symbol)', found \(token.words)") }
  }

  mutating func expect(_ kind: TemplateToken.Kind) throws(TemplateError) {
    guard token.kind == kind else {
      throw error("expected \(TemplateToken(kind: kind, line: 0).words), found \(token.words)")
    }
    advance()
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = token.kind else { throw error("expected a name, found \(token.words)") }
    advance()
    return name
  }

  mutating func nested<T>(_ body: (inout TemplateParser) throws(TemplateError) -> T) throws(TemplateError)
    -> T
  {
    guard depth < Self.maximumDepth else { throw error("nested more than \(Self.maximumDepth) levels deep") }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }
}

// MARK: - Statements

extension TemplateParser {
  /// A link of a chain like `a.b.c` or `a + b + c`, which counts towards the depth of the tree.
  mutating func chained(_ expression: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    links += 1
    guard links <= Self.maximumLinks else {
      throw error("an expression of more than \(Self.maximumLinks) parts")
    }
    return expression
  }
}

extension TemplateParser {
  /// Statements up to a tag whose name is in `ends`, which is then the next token; all of them when there are none.
  private mutating func statements(until ends: [String]) throws(TemplateError) -> [TemplateStatement] {
    var result: [TemplateStatement] = []
    while true {
      let line = token.line
      links = 0
      switch token.kind {
      case .data(let text):
        advance()
        result.append(TemplateStatement(kind: .text(text), line: line))
      case .variableBegin:
        advance()
        let value = try tuple()
        try expect(.variableEnd)
        result.append(TemplateStatement(kind: .output(value), line: line))
      case .blockBegin:
        advance()
        if case .name(let name) = token.kind, ends.contains(name) { return result }
        let kind = try nested { parser throws(TemplateError) in try parser.statement() }
        try expect(.blockEnd)
        result.append(TemplateStatement(kind: kind, line: line))
      default:
        guard let last = open.last else { return result }
        throw error("'\(last.name)' of line \(last.line) is not closed with 'end\(last.name)'")
      }
    }
  }

  /// The body of a block, from the end of its opening tag to its closing one, whose name is not yet read.
  private mutating func body(until ends: String...) throws(TemplateError) -> [TemplateStatement] {
    _ = skip(":")
    try expect(.blockEnd)
    return try statements(until: ends)
  }

  private mutating func closedBody(_ end: String) throws(TemplateError) -> [TemplateStatement] {
    let body = try body(until: end)
    advance()
    return body
  }

  private static let unsupported = ["extends", "include", "import", "from", "block", "autoescape", "print"]

  private mutating func statement() throws(TemplateError) -> TemplateStatement.Kind {
    let line = token.line
    let name = try expectName()
    open.append((name, line))
    defer { open.removeLast() }
    switch name {
    case "for": return try loop()
    case "if": return try condition()
    case "set": return try assignment()
    case "macro": return .macro(try macro(line))
    case "call": return try callBlock(line)
    case "filter":
      let filter = try filters(of: nil, startsInline: true)
      return .filterBlock(filter, try closedBody("endfilter"))
    case "with": return try with()
    case "generation": return .generation(try closedBody("endgeneration"))
    case "break", "continue":
      guard loops > 0 else { throw error("'\(name)' outside a loop", line: line) }
      return name == "break" ? .breakLoop : .continueLoop
    case _ where Self.unsupported.contains(name):
      throw error("the tag '\(name)' is not supported in chat templates", line: line)
    default: throw error("unknown tag '\(name)'\(awaited)", line: line)
    }
  }

  /// What a misplaced tag might have been meant for.
  private var awaited: String {
    open.dropLast().last.map { " (inside '\($0.name)' of line \($0.line))" } ?? ""
  }

  private mutating func condition() throws(TemplateError) -> TemplateStatement.Kind {
    var branches: [(TemplateExpression, [TemplateStatement])] = []
    while true {
      let test = try tuple(allowsCondition: false)
      branches.append((test, try body(until: "elif", "else", "endif")))
      let end = try expectName()
      if end == "elif" { continue }
      return .condition(branches, otherwise: end == "else" ? try closedBody("endif") : [])
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateStatement.Kind {
    let target = try target(endingWith: "in")
    guard skipName("in") else { throw error("expected 'in', found \(token.words)") }
    let sequence = try tuple(allowsCondition: false, endingWith: "recursive")
    let filter = skipName("if") ? try expression() : nil
    let isRecursive = skipName("recursive")
    loops += 1
    let body = try body(until: "endfor", "else")
    loops -= 1
    let otherwise = try expectName() == "else" ? try closedBody("endfor") : []
    return .loop(
      LoopSyntax(
        target: target, sequence: sequence, filter: filter, isRecursive: isRecursive, body: body,
        otherwise: otherwise))
  }

  private mutating func assignment() throws(TemplateError) -> TemplateStatement.Kind {
    let target = try target(allowsNamespace: true)
    if skip("=") { return .set(target, try tuple()) }
    let filter = at("|") ? try filters(of: nil, startsInline: false) : nil
    return .setBlock(target, filter: filter, try closedBody("endset"))
  }

  private mutating func with() throws(TemplateError) -> TemplateStatement.Kind {
    var values: [(AssignmentTarget, TemplateExpression)] = []
    while token.kind != .blockEnd {
      if !values.isEmpty { try expect(",") }
      let target = try target()
      try expect("=")
      values.append((target, try expression()))
    }
    return .with(values, try closedBody("endwith"))
  }

  private mutating func macro(_ line: Int) throws(TemplateError) -> MacroSyntax {
    let name = try expectName()
    return try macroBody(name, end: "endmacro", line)
  }

  private mutating func macroBody(_ name: String, end: String, _ line: Int) throws(TemplateError)
    -> MacroSyntax
  {
    let parameters = at("(") ? try parameters() : []
    let outer = (loops, loops = 0).0
    let body = try closedBody(end)
    loops = outer
    return MacroSyntax(name: name, parameters: parameters, body: body, line: line)
  }

  private mutating func callBlock(_ line: Int) throws(TemplateError) -> TemplateStatement.Kind {
    let parameters = at("(") ? try parameters() : []
    guard case .call(let callee, let arguments) = try expression() else {
      throw error("expected a call after 'call'", line: line)
    }
    let outer = (loops, loops = 0).0
    let body = try closedBody("endcall")
    loops = outer
    return .call(
      callee, arguments, caller: MacroSyntax(name: "caller", parameters: parameters, body: body, line: line))
  }

  private mutating func parameters() throws(TemplateError) -> [(
    name: String, defaultValue: TemplateExpression?
  )] {
    try expect("(")
    var result: [(name: String, defaultValue: TemplateExpression?)] = []
    while !at(")") {
      if !result.isEmpty { try expect(",") }
      let name = try expectName()
      let value = skip("=") ? try expression() : nil
      if value == nil, result.last?.defaultValue != nil {
        throw error("the parameter '\(name)' without a default follows one with a default")
      }
      result.append((name, value))
    }
    try expect(")")
    return result
  }
}

// MARK: - Targets of assignments

extension TemplateParser {
  private static let reserved = ["true", "false", "none", "True", "False", "None"]

  /// One target or several with commas between.
  private mutating func target(
    endingWith end: String? = nil, allowsNamespace: Bool = false
  ) throws(TemplateError) -> AssignmentTarget {
    var targets: [AssignmentTarget] = []
    var isTuple = false
    while true {
      if let end, atName(end) { break }
      if isTuple, at("=") || at(")") { break }
      targets.append(try nested { parser throws(TemplateError) in try parser.singleTarget(allowsNamespace) })
      guard skip(",") else { break }
      isTuple = true
    }
    guard let first = targets.first else { throw error("expected a name, found \(token.words)") }
    return isTuple ? .tuple(targets) : first
  }

  private mutating func singleTarget(_ allowsNamespace: Bool) throws(TemplateError) -> AssignmentTarget {
    if skip("(") {
      let inner = try target(allowsNamespace: allowsNamespace)
      try expect(")")
      return inner
    }
    let name = try expectName()
    guard !Self.reserved.contains(name) else { throw error("cannot assign to '\(name)'") }
    if allowsNamespace, skip(".") { return .namespace(name, attribute: try expectName()) }
    return .name(name)
  }
}

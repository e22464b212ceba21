import JSON

/// The syntax tree of a template.
indirect enum TemplateExpression: Sendable {
  case literal(JSON)
  case name(String)
  case attribute(TemplateExpression, String)
  case item(TemplateExpression, TemplateExpression)
  case slice(
    TemplateExpression, start: TemplateExpression?, stop: TemplateExpression?, step: TemplateExpression?)
  case call(TemplateExpression, CallSyntax)
  /// A filter; without a value it is applied to the body of a block.
  case filter(TemplateExpression?, String, CallSyntax)
  case test(TemplateExpression, String, CallSyntax)
  case not(TemplateExpression)
  case negative(TemplateExpression)
  case positive(TemplateExpression)
  case arithmetic(TemplateExpression, ArithmeticOperator, TemplateExpression)
  case comparison(TemplateExpression, [(ComparisonOperator, TemplateExpression)])
  case and(TemplateExpression, TemplateExpression)
  case or(TemplateExpression, TemplateExpression)
  case conditional(TemplateExpression, then: TemplateExpression, else: TemplateExpression?)
  case concatenation([TemplateExpression])
  case list([TemplateExpression])
  case tuple([TemplateExpression])
  case dictionary([(TemplateExpression, TemplateExpression)])
}

enum ArithmeticOperator: String, Sendable {
  case add = "+", subtract = "-", multiply = "*", divide = "/", floorDivide = "//", remainder = "%", power =
    "**"
}

enum ComparisonOperator: String, Sendable {
  case equal = "==", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
  case contained = "in", notContained = "not in"
}

/// The arguments of a call, filter or test as they are written.
struct CallSyntax: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
  /// `*list` and `**dictionary`.
  var spread: TemplateExpression?
  var namedSpread: TemplateExpression?
}

/// What a value is assigned to.
indirect enum AssignmentTarget: Sendable {
  case name(String)
  case namespace(String, attribute: String)
  case tuple([AssignmentTarget])
}

struct TemplateStatement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(TemplateExpression)
    case condition([(test: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(LoopSyntax)
    case set(AssignmentTarget, TemplateExpression)
    case setBlock(AssignmentTarget, filter: TemplateExpression?, [TemplateStatement])
    case macro(MacroSyntax)
    case call(TemplateExpression, CallSyntax, caller: MacroSyntax)
    case filterBlock(TemplateExpression, [TemplateStatement])
    case with([(AssignmentTarget, TemplateExpression)], [TemplateStatement])
    case generation([TemplateStatement])
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
}

struct LoopSyntax: Sendable {
  let target: AssignmentTarget
  let sequence: TemplateExpression
  let filter: TemplateExpression?
  let isRecursive: Bool
  let body: [TemplateStatement]
  let otherwise: [TemplateStatement]
}

struct MacroSyntax: Sendable {
  let name: String
  let parameters: [(name: String, defaultValue: TemplateExpression?)]
  let body: [TemplateStatement]
  let line: Int
}

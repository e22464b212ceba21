/// A test of a template: `value is name(arguments)`.
enum TemplateTest: String {
  case defined, undefined, boolean, integer, float, number, string, mapping, sequence, iterable, callable,
    sameas
  case escaped, odd, even, divisibleby, lower, upper, filter, test
  case isTrue = "true", isFalse = "false", isNone = "none"
  case equalSign = "==", eq, equalto, notEqualSign = "!=", ne, lessSign = "<", lt, lessthan, atMostSign =
    "<=", le
  case moreSign = ">", gt, greaterthan, atLeastSign = ">=", ge, contained = "in"

  /// The comparison that the test is another name of.
  private var comparison: ComparisonOperator? {
    switch self {
    case .equalSign, .eq, .equalto: .equal
    case .notEqualSign, .ne: .notEqual
    case .lessSign, .lt, .lessthan: .less
    case .atMostSign, .le: .lessOrEqual
    case .moreSign, .gt, .greaterthan: .greater
    case .atLeastSign, .ge: .greaterOrEqual
    case .contained: .contained
    default: nil
    }
  }

  func holds(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> Bool {
    if let comparison {
      return try value.compare(comparison, try arguments.bind(rawValue, "other").required(0, of: rawValue))
    }
    switch self {
    case .sameas:
      let other = try arguments.bind("sameas", "other").required(0, of: "sameas")
      return value.typeName == other.typeName && value.equals(other)
    case .odd: return try value.applying(.remainder, .integer(2)).equals(.integer(1))
    case .even: return try value.applying(.remainder, .integer(2)).equals(.integer(0))
    case .divisibleby:
      let divisor = try arguments.bind("divisibleby", "num").required(0, of: "divisibleby")
      return try value.applying(.remainder, divisor).equals(.integer(0))
    case .lower: return try StringMethod.islower.bound(to: value.text).call(TemplateArguments()).isTrue
    case .upper: return try StringMethod.isupper.bound(to: value.text).call(TemplateArguments()).isTrue
    case .filter: return TemplateFilter(rawValue: value.text) != nil
    case .test: return TemplateTest(rawValue: value.text) != nil
    default: return isKind(of: value)
    }
  }

  /// The tests that only ask what kind of value it is.
  private func isKind(of value: TemplateValue) -> Bool {
    switch (self, value) {
    case (.undefined, .undefined), (.isNone, .null), (.boolean, .bool), (.isTrue, .bool(true)): true
    case (.isFalse, .bool(false)), (.integer, .integer), (.float, .float), (.string, .string): true
    case (.mapping, .dictionary): true
    case (.defined, _): !value.isUndefined
    case (.number, _): value.number != nil
    // Jinja's undefined has a length, is empty, and can be called (which then fails): so it counts.
    case (.sequence, .undefined), (.sequence, .string), (.sequence, .list), (.sequence, .tuple): true
    case (.sequence, .dictionary), (.callable, .undefined), (.callable, .function), (.callable, .loop): true
    case (.iterable, .undefined), (.iterable, .string), (.iterable, .list), (.iterable, .tuple): true
    case (.iterable, .dictionary), (.iterable, .iterator), (.iterable, .loop): true
    default: false
    }
  }
}

import Glibc

/// Python's arithmetic on values.
extension TemplateValue {
  func applying(_ arithmetic: ArithmeticOperator, _ other: TemplateValue) throws(TemplateError)
    -> TemplateValue
  {
    if let result = try Self.sequences(self, arithmetic, other) { return result }
    if let a = wholeNumber, let b = other.wholeNumber, arithmetic != .divide {
      return try Self.whole(a, arithmetic, b)
    }
    if let a = number, let b = other.number { return .float(try Self.floating(a, arithmetic, b)) }
    if case .undefined(let what) = self { throw Self.missing(what) }
    if case .undefined(let what) = other { throw Self.missing(what) }
    throw TemplateError(
      "'\(arithmetic.rawValue)' is not supported between '\(typeName)' and '\(other.typeName)'")
  }

  private static func sequences(
    _ left: TemplateValue, _ arithmetic: ArithmeticOperator, _ right: TemplateValue
  ) throws(TemplateError) -> TemplateValue? {
    switch (arithmetic, left, right) {
    case (.add, .string(let a), .string(let b)): return .string(a + b)
    case (.add, .list(let a), .list(let b)): return .list(a + b)
    case (.add, .tuple(let a), .tuple(let b)): return .tuple(a + b)
    case (.remainder, .string(let format), _):
      return .string(try FormattedText.formatted(format, right))
    case (.multiply, _, _):
      guard let count = left.wholeNumber ?? right.wholeNumber else { return nil }
      return try repeated(left.wholeNumber == nil ? left : right, count)
    default: return nil
    }
  }

  private static func repeated(_ value: TemplateValue, _ count: Int) throws(TemplateError) -> TemplateValue? {
    let count = max(count, 0)
    switch value {
    case .string(let text):
      try TemplateLimits.check(count, of: text.utf8.count)
      return .string(String(repeating: text, count: count))
    case .list(let values):
      try TemplateLimits.check(count, of: values.count * 64)
      return .list((0..<count).flatMap { _ in values })
    case .tuple(let values):
      try TemplateLimits.check(count, of: values.count * 64)
      return .tuple((0..<count).flatMap { _ in values })
    default: return nil
    }
  }

  private static func whole(_ a: Int, _ arithmetic: ArithmeticOperator, _ b: Int) throws(TemplateError)
    -> TemplateValue
  {
    let (value, overflow): (Int, Bool)
    switch arithmetic {
    case .add: (value, overflow) = a.addingReportingOverflow(b)
    case .subtract: (value, overflow) = a.subtractingReportingOverflow(b)
    case .multiply: (value, overflow) = a.multipliedReportingOverflow(by: b)
    case .power: return try power(a, b)
    default:
      guard b != 0 else { throw TemplateError("division by zero") }
      let (quotient, fails) = a.dividedReportingOverflow(by: b)
      guard !fails else { throw TemplateError("the number is too large") }
      let remainder = a % b
      let roundsDown = remainder != 0 && (remainder < 0) != (b < 0)
      if arithmetic == .floorDivide { return .integer(roundsDown ? quotient - 1 : quotient) }
      return .integer(roundsDown ? remainder + b : remainder)
    }
    guard !overflow else { throw TemplateError("the number is too large") }
    return .integer(value)
  }

  private static func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> TemplateValue {
    guard exponent >= 0 else {
      guard base != 0 else { throw TemplateError("0 cannot be raised to a negative power") }
      return .float(pow(Double(base), Double(exponent)))
    }
    var result = 1
    for _ in 0..<min(exponent, base.magnitude < 2 ? 2 - exponent % 2 : 64) {
      let (value, overflow) = result.multipliedReportingOverflow(by: base)
      guard !overflow else { throw TemplateError("the number is too large") }
      result = value
    }
    return .integer(exponent == 0 ? 1 : result)
  }

  private static func floating(_ a: Double, _ arithmetic: ArithmeticOperator, _ b: Double)
    throws(TemplateError) -> Double
  {
    switch arithmetic {
    case .add: return a + b
    case .subtract: return a - b
    case .multiply: return a * b
    case .power: return pow(a, b)
    default:
      guard b != 0 else { throw TemplateError("division by zero") }
      if arithmetic == .divide { return a / b }
      var remainder = fmod(a, b)
      if remainder != 0, (remainder < 0) != (b < 0) { remainder += b }
      return arithmetic == .floorDivide ? ((a - remainder) / b).rounded() : remainder
    }
  }

  func negated() throws(TemplateError) -> TemplateValue {
    switch try defined() {
    case .float(let value): return .float(-value)
    case let value:
      guard let whole = value.wholeNumber, whole != .min else {
        throw TemplateError("'-' is not supported for '\(typeName)'")
      }
      return .integer(-whole)
    }
  }
}

/// Filters that make numbers, and the one for values that are missing.
extension TemplateFilter {
  func number(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue?
  {
    switch self {
    case .default, .d: return try Self.defaulted(value, arguments)
    case .abs:
      if case .float(let number) = value { return .float(number.magnitude) }
      guard let whole = value.wholeNumber else {
        throw TemplateError("abs expects a number, found '\(value.typeName)'")
      }
      return whole < 0 ? try value.negated() : .integer(whole)
    case .int:
      let bound = try arguments.bind("int", "default", "base")
      guard bound[1]?.wholeNumber ?? 10 == 10 else {
        throw TemplateError("int with another base than 10 is not supported")
      }
      return Self.integer(value).map { .integer($0) } ?? bound[0] ?? .integer(0)
    case .float:
      let standard = try arguments.bind("float", "default")[0]
      return Self.floating(value).map { .float($0) } ?? standard ?? .float(0)
    case .round:
      let bound = try arguments.bind("round", "precision", "method")
      return try Self.rounded(value, bound[0]?.wholeNumber ?? 0, bound[1]?.text ?? "common")
    default: return nil
    }
  }

  private static func defaulted(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try arguments.bind("default", "default_value", "boolean")
    return value.isUndefined || bound.isTrue(1) && !value.isTrue ? bound[0] ?? .string("") : value
  }

  private static func integer(_ value: TemplateValue) -> Int? {
    if let whole = value.wholeNumber { return whole }
    if case .string(let text) = value, let whole = Int(PythonString(text).stripped().string) { return whole }
    return Self.floating(value).flatMap { Int(exactly: $0.rounded(.towardZero)) }
  }

  private static func floating(_ value: TemplateValue) -> Double? {
    guard case .string(let text) = value else { return value.number }
    let digits = PythonString(text).stripped().string
    // Swift reads hexadecimal too, Python does not.
    return digits.utf8.contains { $0 | 0x20 == UInt8(ascii: "x") } ? nil : Double(digits)
  }

  private static func rounded(_ value: TemplateValue, _ decimals: Int, _ method: String) throws(TemplateError)
    -> TemplateValue
  {
    guard let number = value.number else {
      throw TemplateError("round expects a number, found '\(value.typeName)'")
    }
    guard (-300...300).contains(decimals) else { throw TemplateError("round: too many decimals") }
    switch method {
    case "common":
      if let whole = value.wholeNumber, decimals >= 0 { return .integer(whole) }
      let result = DecimalText.rounded(number, decimals)
      return value.wholeNumber == nil ? .float(result) : .integer(Int(exactly: result) ?? 0)
    case "ceil", "floor":
      let scale = DecimalText.power(of: decimals)
      return .float((number * scale).rounded(method == "ceil" ? .up : .down) / scale)
    default: throw TemplateError("round: the method must be common, ceil or floor")
    }
  }
}

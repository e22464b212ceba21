/// Python's two ways of putting values into a text: `'%s' % value` and `'{}'.format(value)`.
enum FormattedText {
  /// `format % values`.
  static func formatted(_ format: String, _ values: TemplateValue) throws(TemplateError) -> String {
    var positional: [TemplateValue] = if case .tuple(let all) = values { all } else { [values] }
    var result = String.UnicodeScalarView()
    var rest = Array(format.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else { result.append(scalar); continue }
      let directive = try Directive(&rest)
      if directive.conversion == "%" { result.append("%"); continue }
      let value: TemplateValue
      if let key = directive.key {
        guard case .dictionary(let dictionary) = values, let found = dictionary[key] else {
          throw TemplateError("a format asks for '\(key)', which is not there")
        }
        value = found
      } else {
        guard !positional.isEmpty else { throw TemplateError("not enough arguments for the format") }
        value = positional.removeFirst()
      }
      result.append(contentsOf: try directive.text(of: value).unicodeScalars)
    }
    if case .tuple = values, !positional.isEmpty { throw TemplateError("too many arguments for the format") }
    return String(result)
  }

  /// `%`, what it says of key, width and precision, and the letter of its conversion.
  private struct Directive {
    var key: String?
    var flags: Set<Unicode.Scalar> = []
    var width = 0
    var precision: Int?
    let conversion: Unicode.Scalar

    init(_ rest: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) {
      if rest.first == "(" {
        let name = rest.dropFirst().prefix { $0 != ")" }
        key = String(String.UnicodeScalarView(name))
        rest = rest.dropFirst(name.count + 2)
      }
      while let flag = rest.first, ["-", "0", " ", "+"].contains(flag) {
        flags.insert(flag)
        rest.removeFirst()
      }
      width = try Self.number(&rest) ?? 0
      if rest.first == "." {
        rest.removeFirst()
        precision = try Self.number(&rest) ?? 0
      }
      guard let letter = rest.popFirst() else { throw TemplateError("the format ends in '%'") }
      conversion = letter
    }

    private static func number(_ rest: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) -> Int? {
      let digits = rest.prefix(while: \.isDigit)
      guard !digits.isEmpty else { return nil }
      rest = rest.dropFirst(digits.count)
      guard let number = Int(String(String.UnicodeScalarView(digits))), number <= 1000 else {
        throw TemplateError("a width in a format is larger than 1000")
      }
      return number
    }

    func text(of value: TemplateValue) throws(TemplateError) -> String {
      var text = try converted(value)
      if conversion != "s", conversion != "r", value.number.map({ $0 >= 0 }) == true {
        if flags.contains("+") { text = "+" + text } else if flags.contains(" ") { text = " " + text }
      }
      let string = PythonString(text)
      let missing = max(width - string.scalars.count, 0)
      if flags.contains("-") { return text + String(repeating: " ", count: missing) }
      guard flags.contains("0"), conversion != "s", conversion != "r" else {
        return String(repeating: " ", count: missing) + text
      }
      let sign = text.hasPrefix("-") || text.hasPrefix("+") ? text.prefix(1) : ""
      return sign + String(repeating: "0", count: missing) + text.dropFirst(sign.count)
    }

    private func converted(_ value: TemplateValue) throws(TemplateError) -> String {
      switch conversion {
      case "s", "r":
        let text = PythonString(conversion == "s" ? value.text : value.representation)
        return precision.map { PythonString(Array(text.scalars.prefix($0))).string } ?? text.string
      case "d", "i", "u", "x", "X":
        guard let number = value.number, number.magnitude < 0x1p62 else { break }
        let whole = value.wholeNumber ?? Int(number)
        return conversion == "x" || conversion == "X"
          ? String(whole, radix: 16, uppercase: conversion == "X") : String(whole)
      case "f", "F":
        guard let number = value.number else { break }
        return DecimalText.fixed(number, precision ?? 6)
      default: throw TemplateError("the conversion '%\(conversion)' of a format is not supported")
      }
      throw TemplateError("'%\(conversion)' expects a number, found '\(value.typeName)'")
    }
  }

  /// `format.format(arguments…)`; what stands in braces is a position, a name, or nothing.
  static func filled(_ format: String, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    var result = String.UnicodeScalarView()
    var rest = Array(format.unicodeScalars)[...]
    var next = 0
    while let scalar = rest.popFirst() {
      guard scalar == "{" || scalar == "}" else { result.append(scalar); continue }
      if rest.first == scalar { result.append(scalar); rest.removeFirst(); continue }
      let inside = rest.prefix { $0 != "}" }
      guard scalar == "{", inside.count < rest.count else {
        throw TemplateError("a format has a single '\(scalar)'")
      }
      rest = rest.dropFirst(inside.count + 1)
      let name = String(String.UnicodeScalarView(inside))
      let value: TemplateValue?
      if let index = name.isEmpty ? next : Int(name) {
        value = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
        next += 1
      } else {
        value = arguments.named.first { $0.name == name }?.value
      }
      guard let value else {
        throw TemplateError("the field '{\(name)}' of a format is not supported or not given")
      }
      result.append(contentsOf: value.text.unicodeScalars)
    }
    return String(result)
  }
}

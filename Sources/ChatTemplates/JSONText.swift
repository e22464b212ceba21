/// What the filter `tojson` writes: Python's `json.dumps` with transformers' defaults.
struct JSONText {
  private var isASCII = false
  private var sortsKeys = false
  /// One level of indentation; nil for everything on one line.
  private var indentation: String?
  private var itemSeparator = ", "
  private var keySeparator = ": "

  init(_ arguments: TemplateArguments) throws(TemplateError) {
    let bound = try arguments.bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys")
    (isASCII, sortsKeys) = (bound.isTrue(0), bound.isTrue(3))
    if case .string(let text)? = bound[1] {
      indentation = text
    } else if let width = bound[1]?.wholeNumber {
      guard width <= 64 else { throw TemplateError("tojson: an indent above 64") }
      indentation = String(repeating: " ", count: max(width, 0))
    }
    if indentation != nil { itemSeparator = "," }
    switch bound[2] {
    case .tuple(let pair)? where pair.count == 2, .list(let pair)? where pair.count == 2:
      (itemSeparator, keySeparator) = (pair[0].text, pair[1].text)
    case nil, .null?: break
    default: throw TemplateError("tojson: separators must be a pair")
    }
  }

  func text(of value: TemplateValue) throws(TemplateError) -> String {
    var output = ""
    try write(value, to: &output, level: 0)
    return output
  }

  private func write(_ value: TemplateValue, to output: inout String, level: Int) throws(TemplateError) {
    switch value {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .float(let value): output += Self.number(value)
    case .string(let text): quote(text, to: &output)
    case .list(let values), .tuple(let values):
      try list(values, "[", "]", to: &output, level) { value, output throws(TemplateError) in
        try write(value, to: &output, level: level + 1)
      }
    case .dictionary(let dictionary):
      try list(try members(dictionary), "{", "}", to: &output, level) {
        member, output throws(TemplateError) in
        quote(member.key, to: &output)
        output += keySeparator
        try write(member.value, to: &output, level: level + 1)
      }
    default: throw TemplateError("an object of type \(value.typeName) is not JSON serializable")
    }
  }

  private func list<Element>(
    _ elements: [Element], _ opening: String, _ closing: String, to output: inout String, _ level: Int,
    _ body: (Element, inout String) throws(TemplateError) -> Void
  ) throws(TemplateError) {
    output += opening
    for (index, element) in elements.enumerated() {
      if index > 0 { output += itemSeparator }
      newLine(level + 1, to: &output)
      try body(element, &output)
    }
    if !elements.isEmpty { newLine(level, to: &output) }
    output += closing
  }

  private func newLine(_ level: Int, to output: inout String) {
    guard let indentation else { return }
    output += "\n"
    for _ in 0..<level { output += indentation }
  }

  private func members(_ dictionary: TemplateDictionary) throws(TemplateError) -> [(
    key: String, value: TemplateValue
  )] {
    var members: [(key: String, value: TemplateValue)] = []
    for (key, value) in dictionary.members { members.append((try Self.name(key), value)) }
    return sortsKeys ? members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : members
  }

  private static func name(_ key: TemplateValue) throws(TemplateError) -> String {
    switch key {
    case .string(let text): return text
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .integer, .float: return key.text
    default: throw TemplateError("a key of type \(key.typeName) is not JSON serializable")
    }
  }

  private static func number(_ value: Double) -> String {
    value.isFinite ? TemplateValue.text(value) : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
  }

  private func quote(_ text: String, to output: inout String) {
    output += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{08}": output += "\\b"
      case "\u{0C}": output += "\\f"
      case _ where scalar.value < 0x20 || isASCII && scalar.value > 0x7E:
        for unit in String(scalar).utf16 { output += Self.escape(unit) }
      default: output.unicodeScalars.append(scalar)
      }
    }
    output += "\""
  }

  private static func escape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}

/// Filters that make text of text.
extension TemplateFilter {
  /// Nothing is escaped in chats unless `escape` is asked for, so `safe` has nothing to exempt.
  func text(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue? {
    switch self {
    case .string: return .string(value.text)
    case .safe: return .string(value.text)
    case .e: return .string(Self.escaped(value.text))
    case .escape: return .string(Self.escaped(value.text))
    case .upper: return .string(value.text.uppercased())
    case .lower: return .string(value.text.lowercased())
    case .capitalize: return PythonString(value.text).capitalized.value
    case .title: return .string(Self.titled(value.text))
    case .trim:
      let characters = try arguments.bind("trim", "chars").optionalString(0, of: "trim")
      return PythonString(value.text).stripped(characters).value
    case .replace:
      let bound = try arguments.bind("replace", "old", "new", "count")
      return PythonString(value.text).replacing(
        try bound.required(0, of: "replace").text, by: try bound.required(1, of: "replace").text,
        atMost: bound[2]?.wholeNumber ?? -1
      ).value
    case .center:
      let width = try arguments.bind("center", "width").integer(0, of: "center", default: 80)
      try TemplateLimits.check(width, of: 1)
      return .string(PythonString(value.text).centered(width))
    case .format:
      guard arguments.named.isEmpty else {
        let members = arguments.named.map { (TemplateValue.string($0.name), $0.value) }
        return .string(try FormattedText.formatted(value.text, .dictionary(TemplateDictionary(members))))
      }
      return .string(try FormattedText.formatted(value.text, .tuple(arguments.positional)))
    case .indent: return try Self.indented(value, arguments)
    case .truncate: return try Self.truncated(value, arguments)
    case .wordcount: return .integer(value.text.unicodeScalars.split { !$0.isWordCharacter }.count)
    default: return nil
    }
  }

  private static func escaped(_ text: String) -> String {
    let names: [Unicode.Scalar: String] = [
      "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", "\"": "&#34;",
    ]
    return text.unicodeScalars.map { names[$0] ?? String($0) }.joined()
  }

  /// The first letter of every word in upper case; words end at white space, hyphens and opening brackets.
  private static func titled(_ text: String) -> String {
    var result = ""
    var startsWord = true
    for scalar in text.unicodeScalars {
      if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
        startsWord = true
        result.unicodeScalars.append(scalar)
      } else {
        result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
        startsWord = false
      }
    }
    return result
  }

  private static func indented(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    guard case .string(let text) = try value.defined() else {
      throw TemplateError("indent expects a str, found '\(value.typeName)'")
    }
    let bound = try arguments.bind("indent", "width", "first", "blank")
    var indentation = "    "
    if case .string(let given)? = bound[0] {
      indentation = given
    } else if let width = bound[0]?.wholeNumber {
      try TemplateLimits.check(width, of: 1)
      indentation = String(repeating: " ", count: Swift.max(width, 0))
    }
    let lines = PythonString(text + "\n").lines().map(\.string)
    try TemplateLimits.check(lines.count, of: indentation.utf8.count)
    let indentsBlank = bound.isTrue(2)
    let rest = lines.dropFirst().map { $0.utf8.isEmpty && !indentsBlank ? $0 : indentation + $0 }
    return .string((bound.isTrue(1) ? indentation : "") + ([lines[0]] + rest).joined(separator: "\n"))
  }

  private static func truncated(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try arguments.bind("truncate", "length", "killwords", "end", "leeway")
    let text = PythonString(try value.defined().text)
    let end = try bound.optionalString(2, of: "truncate") ?? "..."
    let length = try bound.integer(0, of: "truncate", default: 255)
    guard length >= end.unicodeScalars.count else {
      throw TemplateError("truncate: the length is less than the end's")
    }
    if text.scalars.count <= length + (bound[3]?.wholeNumber ?? 5) { return text.value }
    let head = PythonString(Array(text.scalars.prefix(length - end.unicodeScalars.count)))
    let kept = bound.isTrue(1) ? head : head.split(" ", atMost: 1, fromEnd: true)[0]
    return .string(kept.string + end)
  }
}

extension Unicode.Scalar {
  /// Word characters as Python's `\w` has them.
  fileprivate var isWordCharacter: Bool {
    if self == "_" || properties.numericType != nil { return true }
    return switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}

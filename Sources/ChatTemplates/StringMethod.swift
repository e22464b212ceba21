/// The methods of Python's strings that templates use.
enum StringMethod: String {
  case strip, lstrip, rstrip, split, rsplit, splitlines, partition, rpartition, join, replace, format
  case startswith, endswith, find, rfind, index, count, removeprefix, removesuffix
  case upper, lower, title, capitalize, swapcase, zfill, ljust, rjust, center
  case isdigit, isdecimal, isnumeric, isalpha, isalnum, isspace, isupper, islower

  func bound(to text: String) -> TemplateFunction {
    TemplateFunction(rawValue) { [self] arguments throws(TemplateError) in
      try call(PythonString(text), arguments)
    }
  }

  private func call(_ text: PythonString, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    switch self {
    case .strip, .lstrip, .rstrip:
      let characters = try arguments.bind(rawValue, "chars").optionalString(0, of: rawValue)
      return text.stripped(characters, left: self != .rstrip, right: self != .lstrip).value
    case .split, .rsplit, .splitlines, .partition, .rpartition, .join: return try divide(text, arguments)
    case .replace:
      let bound = try arguments.bind(rawValue, "old", "new", "count")
      return text.replacing(
        try bound.string(0, of: rawValue), by: try bound.string(1, of: rawValue),
        atMost: try bound.integer(2, of: rawValue, default: -1)
      ).value
    case .format: return .string(try FormattedText.filled(text.string, arguments))
    case .startswith, .endswith, .find, .rfind, .index, .count, .removeprefix, .removesuffix:
      return try search(text, arguments)
    case .zfill, .ljust, .rjust, .center: return try pad(text, arguments)
    case .upper, .lower, .title, .capitalize, .swapcase:
      _ = try arguments.bind(rawValue)
      return changeCase(text).value
    default:
      _ = try arguments.bind(rawValue)
      return .bool(classify(text.scalars))
    }
  }

  private func divide(_ text: PythonString, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    switch self {
    case .splitlines:
      let keeps = try arguments.bind(rawValue, "keepends").isTrue(0)
      return .list(text.lines(keepsEnds: keeps).map(\.value))
    case .join:
      var parts: [String] = []
      for element in try arguments.bind(rawValue, "iterable").required(0, of: rawValue).elements() {
        guard case .string(let part) = element else {
          throw TemplateError("join() expects strs, found '\(element.typeName)'")
        }
        parts.append(part)
      }
      return .string(parts.joined(separator: text.string))
    case .split, .rsplit:
      let bound = try arguments.bind(rawValue, "sep", "maxsplit")
      let separator = try bound.optionalString(0, of: rawValue)
      let limit = try bound.integer(1, of: rawValue, default: -1)
      guard separator?.utf8.isEmpty != true else {
        throw TemplateError("the separator of \(rawValue)() is empty")
      }
      return .list(text.split(separator, atMost: limit, fromEnd: self == .rsplit).map(\.value))
    default:
      let separator = try arguments.bind(rawValue, "sep").string(0, of: rawValue)
      guard !separator.utf8.isEmpty else { throw TemplateError("the separator of \(rawValue)() is empty") }
      return .tuple(text.partitioned(separator, fromEnd: self == .rpartition).map(\.value))
    }
  }

  private func search(_ text: PythonString, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try arguments.bind(rawValue, "sub", "start", "end")
    if self == .startswith || self == .endswith, case .tuple(let options)? = bound[0] {
      return .bool(options.contains { affix($0.text, of: text) })
    }
    let part = try bound.string(0, of: rawValue)
    let start = try bound.integer(1, of: rawValue, default: 0)
    let slice = try TemplateValue.string(text.string).slice(start, bound[2]?.wholeNumber, 1)
    let searched = PythonString(slice.text)
    let offset = min(max(start < 0 ? start + text.scalars.count : start, 0), text.scalars.count)
    switch self {
    case .startswith, .endswith: return .bool(affix(part, of: searched))
    case .removeprefix: return text.removing(prefix: part).value
    case .removesuffix: return text.removing(suffix: part).value
    case .count: return .integer(searched.occurrences(of: part).count)
    default:
      let places = searched.occurrences(of: part, overlapping: true)
      if let place = self == .rfind ? places.last : places.first { return .integer(place + offset) }
      if self == .index { throw TemplateError("the substring is not found") }
      return .integer(-1)
    }
  }

  private func affix(_ part: String, of text: PythonString) -> Bool {
    self == .startswith
      ? text.string.utf8.starts(with: part.utf8)
      : text.scalars.reversed().starts(with: part.unicodeScalars.reversed())
  }

  private func pad(_ text: PythonString, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try arguments.bind(rawValue, "width", "fillchar")
    let width = try bound.integer(0, of: rawValue)
    try TemplateLimits.check(width, of: 1)
    let fill = try bound.optionalString(1, of: rawValue) ?? " "
    let missing = max(width - text.scalars.count, 0)
    switch self {
    case .ljust: return .string(text.string + String(repeating: fill, count: missing))
    case .rjust: return .string(String(repeating: fill, count: missing) + text.string)
    case .center: return .string(text.centered(width, fill))
    default:
      let sign = text.scalars.first.map { $0 == "-" || $0 == "+" } == true ? 1 : 0
      let (head, tail) = (text.scalars.prefix(sign), text.scalars.dropFirst(sign))
      return PythonString(Array(head) + Array(repeating: "0", count: missing) + Array(tail)).value
    }
  }

  private func changeCase(_ text: PythonString) -> PythonString {
    switch self {
    case .upper: PythonString(text.string.uppercased())
    case .lower: PythonString(text.string.lowercased())
    case .capitalize: text.capitalized
    case .title: text.titled
    default:
      PythonString(
        text.scalars.map {
          $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping
        }
        .joined())
    }
  }

  private func classify(_ scalars: [Unicode.Scalar]) -> Bool {
    guard !scalars.isEmpty else { return false }
    switch self {
    case .isspace: return scalars.allSatisfy(\.isPythonSpace)
    case .isdecimal: return scalars.allSatisfy(\.isDecimal)
    case .isdigit: return scalars.allSatisfy { $0.isDecimal || $0.properties.numericType == .digit }
    case .isnumeric: return scalars.allSatisfy { $0.properties.numericType != nil }
    case .isalpha: return scalars.allSatisfy(\.isLetter)
    case .isalnum: return scalars.allSatisfy { $0.isLetter || $0.properties.numericType != nil }
    default:
      let wanted: (Unicode.Scalar) -> Bool = {
        self == .isupper ? $0.properties.isUppercase : $0.properties.isLowercase
      }
      let cased = scalars.filter { $0.properties.isUppercase || $0.properties.isLowercase }
      return !cased.isEmpty && cased.allSatisfy(wanted)
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isDecimal: Bool { properties.generalCategory == .decimalNumber }

  fileprivate var isLetter: Bool {
    [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter].contains(
      properties.generalCategory)
  }
}

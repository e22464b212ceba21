/// Values as text: what Python's `str` and `repr` make of them.
extension TemplateValue {
  /// The text that `{{ value }}` writes.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let text): text
    default: representation
    }
  }

  /// What the value looks like in a list.
  var representation: String {
    switch self {
    case .undefined: "Undefined"
    case .null: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .float(let value): Self.text(value)
    case .string(let text): Self.quoted(text)
    case .list(let values): "[\(Self.joined(values))]"
    case .tuple(let values): "(\(Self.joined(values))\(values.count == 1 ? "," : ""))"
    case .dictionary(let dictionary): "{\(Self.joined(dictionary))}"
    case .iterator: "<generator object>"
    case .namespace(let namespace):
      "<Namespace {\(namespace.attributes.keys.sorted().map { "'\($0)': …" }.joined(separator: ", "))}>"
    case .function(let function): "<function \(function.name)>"
    case .loop(let loop): "<LoopContext \(loop.index0 + 1)/\(loop.elements.count)>"
    }
  }

  private static func joined(_ values: [TemplateValue]) -> String {
    values.map(\.representation).joined(separator: ", ")
  }

  private static func joined(_ dictionary: TemplateDictionary) -> String {
    dictionary.members.map { "\($0.key.representation): \($0.value.representation)" }.joined(separator: ", ")
  }

  private static func quoted(_ text: String) -> String {
    let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in text.unicodeScalars { result.append(contentsOf: escaped(scalar, quote).unicodeScalars) }
    result.append(quote)
    return String(result)
  }

  private static func escaped(_ scalar: Unicode.Scalar, _ quote: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\\": return "\\\\"
    case quote: return "\\\(quote)"
    case " ": return " "
    default: break
    }
    guard isUnprintable(scalar) else { return String(scalar) }
    let digits = String(scalar.value, radix: 16)
    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\\(letter)\(String(repeating: "0", count: width - digits.utf8.count))\(digits)"
  }

  private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      true
    default: false
    }
  }

  /// The shortest decimal that reads back as the number, with an exponent below 10⁻⁴ and from 10¹⁶ on.
  static func text(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    guard value != 0 else { return value.sign == .minus ? "-0.0" : "0.0" }
    let (digits, exponent) = decimal(value.magnitude)
    let sign = value < 0 ? "-" : ""
    if (-4..<16).contains(exponent) { return sign + positional(digits, exponent) }
    let fraction = digits.dropFirst()
    let power = "\(exponent.magnitude < 10 ? "0" : "")\(exponent.magnitude)"
    return
      "\(sign)\(digits.prefix(1))\(fraction.isEmpty ? "" : ".")\(fraction)e\(exponent < 0 ? "-" : "+")\(power)"
  }

  /// The digits of a positive number and the power of ten of the first.
  private static func decimal(_ value: Double) -> (digits: String, exponent: Int) {
    let parts = value.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = mantissa[0]
    let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
    let all = String(whole + fraction)
    let leading = all.prefix { $0 == "0" }.count
    var digits = String(all.dropFirst(leading))
    while digits.last == "0" { digits.removeLast() }
    let power = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    return (digits, power + whole.count - 1 - leading)
  }

  private static func positional(_ digits: String, _ exponent: Int) -> String {
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
    let whole = digits.prefix(exponent + 1)
    let zeros = String(repeating: "0", count: exponent + 1 - whole.count)
    let fraction = digits.dropFirst(exponent + 1)
    return "\(whole)\(zeros).\(fraction.isEmpty ? "0" : String(fraction))"
  }
}

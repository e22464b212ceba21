/// Numbers as ECMAScript's `Number::toString` writes them (ECMA-262 §6.1.6.1.20), which RFC 8785 asks for.
enum ECMAScriptNumber {
  /// The shortest decimal text that reads back as `value`, which must be finite.
  static func text(_ value: Double) -> String {
    if value == 0 { return "0" }  // minus zero too
    let (digits, point) = shortestDigits(value.magnitude)
    let sign = value < 0 ? "-" : ""
    let zeros = { (count: Int) in String(repeating: "0", count: count) }
    switch point {
    case digits.count...21:
      return sign + digits + zeros(point - digits.count)
    case 1...21:
      return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    case -5...0:
      return sign + "0." + zeros(-point) + digits
    default:
      let fraction = digits.count == 1 ? "" : "." + digits.dropFirst()
      let exponent = point - 1
      return sign + digits.prefix(1) + fraction + (exponent < 0 ? "e-" : "e+") + String(exponent.magnitude)
    }
  }

  /// The digits d1…dk of the shortest decimal 0.d1…dk × 10^point that reads back as `value` (above zero).
  ///
  /// Swift's own description has those digits (closest among the shortest) and differs only in layout.
  private static func shortestDigits(_ value: Double) -> (digits: String, point: Int) {
    let parts = value.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    var digits = mantissa[0] + fraction
    var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.last == "0" { digits.removeLast() }
    while digits.first == "0" { digits.removeFirst(); point -= 1 }
    return (String(digits), point)
  }
}

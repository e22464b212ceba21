/// Numbers as people read them on a terminal. Files never contain these forms.
package enum NumberText {
  /// 1234567 as "1,234,567".
  package static func count(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
      text.append(digit)
    }
    return text
  }

  /// A value with a fixed number of decimals, half away from zero: 1.9 for (1.94, 1).
  package static func fixed(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    var power = 1.0
    for _ in 0..<decimals { power *= 10 }
    let scaled = (value.magnitude * power).rounded()
    guard scaled < 1e15 else { return "\(value)" }
    let digits = String(Int(scaled))
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return decimals == 0 ? sign + padded : "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
  }

  /// Three or four significant digits: "0.000225", "0.0123", "12.35", "1234".
  package static func short(_ value: Double) -> String {
    let magnitude = value.magnitude
    if magnitude != 0, magnitude < 1e-4 || magnitude >= 1e6 { return scientific(value) }
    let firstOfDecimals = [1000, 100, 10, 1, 0.01, 0.001]
    return fixed(value, decimals: firstOfDecimals.firstIndex { magnitude >= $0 || magnitude == 0 } ?? 6)
  }

  /// A whole number without decimals, any other as `short` writes it.
  package static func plain(_ value: Double) -> String { Int(exactly: value).map(count) ?? short(value) }

  private static func scientific(_ value: Double) -> String {
    guard value.isFinite else { return fixed(value, decimals: 0) }
    var mantissa = value
    var exponent = 0
    while mantissa.magnitude >= 9.995 { mantissa /= 10; exponent += 1 }
    while mantissa.magnitude < 0.9995 { mantissa *= 10; exponent -= 1 }
    return "\(fixed(mantissa, decimals: 2))e\(exponent)"
  }

  /// Bytes in powers of 1000: "512 B", "1.3 GB".
  package static func bytes(_ value: Int) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"]
    var scaled = Double(value)
    var unit = 0
    while scaled >= 999.95, unit < units.count - 1 { scaled /= 1000; unit += 1 }
    return "\(fixed(scaled, decimals: unit == 0 ? 0 : 1)) \(units[unit])"
  }

  /// Seconds as "0:42" or "1:02:03".
  package static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }
}

extension NumberText {
  /// What a piece of work is counted in: "step", or "byte", which is shown in MB and GB.
  package struct Unit {
    private let name: String

    package init(_ name: String) { self.name = name }

    /// "3/40 steps", "1.5 MB/2.0 GB"
    package func share(_ done: Int, of total: Int) -> String {
      name == "byte" ? "\(bytes(done))/\(bytes(total))" : "\(done)/\(total) \(name)s"
    }

    /// "12.5 steps/s", "1.2 GB/s"
    package func rate(_ value: Double) -> String {
      name == "byte" ? "\(bytes(Int(exactly: value.rounded()) ?? .max))/s" : "\(short(value)) \(name)s/s"
    }
  }
}

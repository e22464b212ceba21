import Glibc

/// Numbers with a fixed count of decimals.
enum DecimalText {
  /// As C's `%.*f` writes it: the exact value, correctly rounded.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return TemplateValue.text(value) }
    var buffer = [CChar](repeating: 0, count: 400 + decimals)
    let count = unsafe withVaList([Int32(decimals), value]) { list in
      unsafe vsnprintf(&buffer, buffer.count, "%.*f", list)
    }
    return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static func power(of exponent: Int) -> Double { pow(10, Double(exponent)) }

  /// Rounded to some decimals, halves to even of the exact value, as Python's `round`.
  static func rounded(_ value: Double, _ decimals: Int) -> Double {
    guard value.isFinite, decimals < 300 else { return value }
    if decimals >= 0 { return Double(fixed(value, decimals)) ?? value }
    let scale = power(of: -decimals)
    return (value / scale).rounded(.toNearestOrEven) * scale
  }
}

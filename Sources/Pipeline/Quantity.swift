/// Amounts as people write them.
package enum Quantity {
  /// Reads a size: "6GB", "512MiB", "1.5 TB" or a number of bytes.
  ///
  /// - Returns: bytes, at least 1; nil when the text is no size.
  package static func bytes(_ text: String) -> Int? {
    read(
      text.uppercased(),
      units: [
        ("KIB", 1024), ("MIB", 1_048_576), ("GIB", 1_073_741_824), ("TIB", 1_099_511_627_776),
        ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
      ]
    ).flatMap { $0 >= 1 && $0 < 9e15 ? Int($0) : nil }
  }

  /// Reads a time: "90s", "15m", "2h", "30d" or a number of seconds.
  ///
  /// - Returns: seconds, more than 0; nil when the text is no time.
  package static func seconds(_ text: String) -> Double? {
    read(text, units: [("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("", 1)])
      .flatMap { $0 > 0 && $0 < 1e9 ? $0 : nil }
  }

  private static func read(_ text: String, units: [(suffix: String, factor: Double)]) -> Double? {
    let text = text.filter { $0 != " " }
    guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
    let number = text.dropLast(unit.suffix.count)
    // Double also reads "nan", "inf" and hexadecimal, which nobody means here.
    guard number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else { return nil }
    return Double(number).map { $0 * unit.factor }
  }
}

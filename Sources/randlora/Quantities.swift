import ArgumentParser

/// Bytes as people write them: 500MB, 1.5TB, in powers of 1000.
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let units = ["B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "": 1]
    guard let bytes = quantity(argument, units), let whole = Int(exactly: bytes.rounded()) else { return nil }
    self.bytes = whole
  }
}

/// A span of time as people write it: 30d, 12h, 8w.
struct TimeSpan: ExpressibleByArgument {
  let seconds: Double

  init?(argument: String) {
    let units = ["s": 1.0, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    guard let seconds = quantity(argument, units) else { return nil }
    self.seconds = seconds
  }
}

/// A number that is not negative, times the unit behind it; nil when the text is something else.
private func quantity(_ text: String, _ units: [String: Double]) -> Double? {
  let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  guard let number = Double(digits), let unit = units[String(text.dropFirst(digits.count))] else { return nil }
  return number * unit
}

import Glibc

/// A point in time as the calendar names it, without a zone: what templates that name the day take for now.
///
/// It is always given and never asked of the clock: the same inputs give the same text.
package struct CivilTime: Sendable, RawRepresentable {
  private let year, month, day: Int
  /// As it was given: `2025-07-31`.
  package let rawValue: String

  /// - Parameter rawValue: a date as ISO 8601 writes it, `2025-07-31`. Nil when it is none.
  package init?(rawValue text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [4, 2, 2],
      parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
    else { return nil }
    (self.year, self.month, self.day, rawValue) = (year, month, day, text)
    let time = unsafe time
    // A day that does not exist was moved to one that does.
    guard unsafe time.tm_mday == day, unsafe time.tm_mon == month - 1 else { return nil }
  }

  /// With the day of the week and of the year.
  private var time: tm {
    var time = unsafe tm()
    unsafe (time.tm_year, time.tm_mon, time.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
    _ = unsafe timegm(&time)
    return unsafe time
  }

  /// The time in a format of C's `strftime`.
  func text(_ format: String) throws(TemplateError) -> String {
    guard format.utf8.count <= 1000 else { throw TemplateLimits.exceeded }
    var time = unsafe time
    // A character in front, because an empty result and one that does not fit look the same.
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let count = unsafe strftime(&buffer, buffer.count, "." + format, &time)
    return String(decoding: buffer.prefix(count).dropFirst().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

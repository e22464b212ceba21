/// Reading scalars out of bytes that are known to be UTF-8.
extension Span<UInt8> {
  /// The scalar that starts at `index`, and its length in bytes.
  func scalar(at index: Int) -> (scalar: Unicode.Scalar, length: Int) {
    let lead = UInt32(self[index])
    let length = Self.length(ofScalarFrom: self[index])
    guard length > 1, index + length <= count else { return (Unicode.Scalar(lead) ?? "\u{FFFD}", 1) }
    var value = lead & (0x7F >> UInt32(length))
    for offset in 1..<length { value = value << 6 | UInt32(self[index + offset] & 0x3F) }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
  }

  /// The length in bytes of the scalar with this first byte.
  static func length(ofScalarFrom lead: UInt8) -> Int {
    lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  }

  /// The scalar that ends before `index`, and its length in bytes.
  func scalar(before index: Int) -> (scalar: Unicode.Scalar, length: Int) {
    var start = index - 1
    while start > 0, self[start] & 0xC0 == 0x80 { start -= 1 }
    return scalar(at: start)
  }

  func elementsEqual(_ other: [UInt8]) -> Bool {
    count == other.count && other.indices.allSatisfy { self[$0] == other[$0] }
  }

  /// Whether `other` stands at `index`.
  func has(_ other: [UInt8], at index: Int) -> Bool {
    index + other.count <= count && other.indices.allSatisfy { self[index + $0] == other[$0] }
  }
}

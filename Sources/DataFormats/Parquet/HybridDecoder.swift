import Failures

/// Parquet's hybrid of run lengths and packed bits, decoded one value at a time: a few bytes may stand for millions
/// of equal values.
struct HybridDecoder {
  private let bytes: [UInt8]
  private var offset: Int
  private let end: Int
  private let bitWidth: Int
  private var runLeft = 0
  private var runValue = 0
  private var packedLeft = 0
  /// Bits of a packed run that were read from its bytes and not given out yet.
  private var (bits, bitCount) = (UInt64(0), 0)

  /// - Parameter bitWidth: of a value, from 0 to 32.
  init(_ bytes: [UInt8], _ range: Range<Int>, bitWidth: Int) {
    (self.bytes, offset, end, self.bitWidth) = (bytes, range.lowerBound, range.upperBound, bitWidth)
  }

  /// - Returns: nil when the bytes end before the value.
  mutating func next() -> Int? {
    if bitWidth == 0 { return 0 }
    while true {
      if runLeft > 0 {
        runLeft -= 1
        return runValue
      }
      if packedLeft > 0 {
        packedLeft -= 1
        return nextPacked()
      }
      guard startRun() else { return nil }
    }
  }

  private mutating func startRun() -> Bool {
    guard let head = varint() else { return false }
    if head & 1 == 1 {
      packedLeft = (head >> 1) * 8
      (bits, bitCount) = (0, 0)
      return packedLeft > 0
    }
    let width = (bitWidth + 7) / 8
    guard head > 0, end - offset >= width else { return false }
    runValue = (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    offset += width
    runLeft = head >> 1
    return true
  }

  private mutating func nextPacked() -> Int? {
    while bitCount < bitWidth {
      guard offset < end else { return nil }
      bits |= UInt64(bytes[offset]) << UInt64(bitCount)
      bitCount += 8
      offset += 1
    }
    let value = Int(bits & (1 << UInt64(bitWidth) - 1))
    bits >>= UInt64(bitWidth)
    bitCount -= bitWidth
    return value
  }

  private mutating func varint() -> Int? {
    var value = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      guard offset < end else { return nil }
      let byte = bytes[offset]
      offset += 1
      value |= Int(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }
}

package import Tensor

extension StoredTensor {
  /// The position of the first infinity or NaN, or nil when all values are finite (integers always are).
  package var firstNonFinite: Int? {
    let count = count
    switch dtype {
    case .f32:
      return first(UInt32.self, count) { $0 & 0x7F80_0000 == 0x7F80_0000 }
    case .bf16:
      return first(UInt16.self, count) { $0 & 0x7F80 == 0x7F80 }
    case .f16:
      return first(UInt16.self, count) { $0 & 0x7C00 == 0x7C00 }
    case .f64:
      return first(UInt64.self, count) { $0 >> 52 & 0x7FF == 0x7FF }
    default: return nil
    }
  }

  private func first<Bits>(_ type: Bits.Type, _ count: Int, where isBad: (Bits) -> Bool) -> Int? {
    // A kernel skips the blocks in which all is well.
    var start = 0
    while dtype.isWeight, start < count, isFinite(start..<min(start + Self.block, count)) { start += Self.block }
    let values = unsafe UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: Bits.self), count: count)
    return unsafe values[min(start, count)...].firstIndex(where: isBad)
  }

  /// Elements that a kernel checks at a time.
  private static var block: Int { 1 << 16 }
}

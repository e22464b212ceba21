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
    unsafe UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: Bits.self), count: count).firstIndex(
      where: isBad)
  }
}

package import Tensor

extension Float {
  /// The upper half of the nearest bfloat16, ties to even; a NaN stays a NaN.
  package var bfloat16: UInt16 {
    if isNaN { return UInt16(bitPattern >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bitPattern + 0x7FFF + (bitPattern >> 16 & 1)) >> 16)
  }

  /// The value of a bfloat16, exactly.
  package init(bfloat16 bits: UInt16) { self.init(bitPattern: UInt32(bits) << 16) }
}

extension StoredTensor {
  /// The values as float32 (exact for F32, F16 and BF16), or nil when the elements are no floats of 32 bits or less.
  package var floats: Tensor? {
    let count = count
    switch dtype {
    case .f32:
      let source = unsafe UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: Float.self), count: count)
      return unsafe Tensor(Array(source), shape: shape)
    case .f16:
      let source = unsafe UnsafeBufferPointer(
        start: bytes.assumingMemoryBound(to: Float16.self), count: count)
      return unsafe Tensor(source.map { Float($0) }, shape: shape)
    case .bf16:
      let source = unsafe UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: UInt16.self), count: count)
      return unsafe Tensor(source.map { Float(bfloat16: $0) }, shape: shape)
    default: return nil
    }
  }

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

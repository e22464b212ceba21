import CKernels

extension StoredTensor {
  /// Widens `count` elements that start at element `offset` to float32.
  func widen(_ offset: Int, _ count: Int, into destination: UnsafeMutablePointer<Float>) {
    precondition(offset >= 0 && count >= 0 && offset + count <= self.count)
    switch dtype {
    case .f32: unsafe destination.update(from: bytes.assumingMemoryBound(to: Float.self) + offset, count: count)
    case .f16: unsafe rl_widen_f16(count, bytes.assumingMemoryBound(to: UInt16.self) + offset, destination)
    case .bf16: unsafe rl_widen_bf16(count, bytes.assumingMemoryBound(to: UInt16.self) + offset, destination)
    default: preconditionFailure("\(dtype) is no weight type")
    }
  }

  /// Writes the whole tensor as float32 over `destination`, which has as many elements.
  package func widen(into destination: Tensor) {
    precondition(destination.count == count)
    Parallel.forEachRange(of: count, by: 1 << 16) { range in
      unsafe widen(range.lowerBound, range.count, into: destination.pointer + range.lowerBound)
    }
  }

  /// Whether none of the elements in `range` is infinite or NaN.
  /// - Precondition: the type is float32, float16 or bfloat16.
  package func isFinite(_ range: Range<Int>) -> Bool {
    precondition(dtype.isWeight && range.lowerBound >= 0 && range.upperBound <= count)
    if dtype == .f32 {
      return unsafe rl_all_finite(range.count, bytes.assumingMemoryBound(to: Float.self) + range.lowerBound) != 0
    }
    let exponent: UInt16 = dtype == .bf16 ? 0x7F80 : 0x7C00
    let halves = unsafe bytes.assumingMemoryBound(to: UInt16.self) + range.lowerBound
    return unsafe rl_all_finite_16(range.count, halves, exponent) != 0
  }

  /// The first `width` of every `stride` elements as float32, (count / stride, width).
  /// - Precondition: the type is float32, float16 or bfloat16.
  package func floats(first width: Int, ofEvery stride: Int) -> Tensor {
    precondition(width <= stride && count % stride == 0)
    let result = Tensor(count / stride, width)
    Parallel.forEach(count / stride) { row in
      unsafe widen(row * stride, width, into: result.pointer + row * width)
    }
    return result
  }

  /// The whole tensor as float32.
  /// - Precondition: the type is float32, float16 or bfloat16.
  package func floats() -> Tensor {
    let result = Tensor(shape: shape)
    widen(into: result)
    return result
  }
}

extension Tensor {
  /// Whether no element is infinite or NaN.
  package var isFinite: Bool { unsafe rl_all_finite(count, pointer) != 0 }

  /// The elements in another weight type, rounded to the nearest, little-endian bytes.
  package func bytes(as dtype: DType) -> [UInt8] {
    precondition(dtype.isWeight)
    return unsafe [UInt8](unsafeUninitializedCapacity: count * dtype.size) { buffer, initialized in
      if let base = UnsafeMutableRawPointer(buffer.baseAddress) {
        switch dtype {
        case .f16: unsafe rl_narrow_f16(count, pointer, base.assumingMemoryBound(to: UInt16.self))
        case .bf16: unsafe rl_narrow_bf16(count, pointer, base.assumingMemoryBound(to: UInt16.self))
        default: unsafe base.copyMemory(from: pointer, byteCount: count * 4)
        }
      }
      initialized = count * dtype.size
    }
  }
}

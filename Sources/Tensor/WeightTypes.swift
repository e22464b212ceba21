import CKernels

extension StoredTensor {
  /// Writes some elements as float32.
  func widen(_ tile: ElementTile, into destination: UnsafeMutablePointer<Float>) {
    tile.check(count: count)
    switch dtype {
    case .f32:
      let floats = unsafe bytes.assumingMemoryBound(to: Float.self)
      for row in 0..<tile.rows {
        unsafe (destination + row * tile.columns).update(from: floats + tile.start(ofRow: row), count: tile.columns)
      }
    case .f16:
      unsafe rl_widen_f16(
        tile.rows, tile.columns, tile.stride, bytes.assumingMemoryBound(to: UInt16.self) + tile.offset, destination)
    case .bf16:
      unsafe rl_widen_bf16(
        tile.rows, tile.columns, tile.stride, bytes.assumingMemoryBound(to: UInt16.self) + tile.offset, destination)
    default: preconditionFailure("\(dtype) is no weight type")
    }
  }

  /// Writes the whole tensor as float32 over `destination`, which has as many elements.
  package func widen(into destination: Tensor) {
    precondition(destination.count == count)
    Parallel.forEachRange(of: count, by: 1 << 16) { range in
      unsafe widen(ElementTile(range), into: destination.pointer + range.lowerBound)
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
    let result = Tensor(unfilled: [count / stride, width])
    Parallel.forEachRange(of: count / stride, by: 16) { rows in
      let tile = ElementTile(offset: rows.lowerBound * stride, rows: rows.count, stride: stride, columns: width)
      unsafe widen(tile, into: result.pointer + rows.lowerBound * width)
    }
    return result
  }

  /// The whole tensor as float32.
  /// - Precondition: the type is float32, float16 or bfloat16.
  package func floats() -> Tensor {
    let result = Tensor(unfilled: shape)
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

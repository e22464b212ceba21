import CKernels

/// A frozen weight (out, in) of a linear layer or an embedding, left in its file's type and widened to
/// float32 panel by panel just before use.
package struct Weight: Sendable {
  package let stored: StoredTensor
  package var rows: Int { stored.shape[0] }
  package var columns: Int { stored.shape[1] }

  /// Output rows (forward) or input columns (backward) that are widened and multiplied at a time.
  static let panel = 256

  /// Rows that the backward pass widens and multiplies at a time, so that a large vocabulary needs no large scratch.
  static let depth = 1024

  /// - Parameter stored: two dimensions, float32, float16 or bfloat16.
  package init(_ stored: StoredTensor) {
    precondition(stored.shape.count == 2 && stored.dtype.isWeight, "not a weight: \(stored.dtype) \(stored.shape)")
    self.stored = stored
  }

  /// Widens `count` elements that start at element `offset`.
  func widen(_ offset: Int, _ count: Int, into destination: UnsafeMutablePointer<Float>) {
    unsafe stored.widen(offset, count, into: destination)
  }

  /// `y = x · Wᵀ (+ y)`
  /// - Parameters:
  ///   - x: (T, in)
  ///   - y: (T, out)
  ///   - accumulate: whether the product is added to what `y` holds.
  package func forward(_ x: Tensor, into y: Tensor, tokens T: Int, accumulate: Bool = false) {
    precondition(x.count >= T * columns && y.count >= T * rows)
    let inputs = columns, outputs = rows
    Parallel.forEachRange(of: outputs, by: Self.panel) { out in
      unsafe withPanel(out.lowerBound * inputs, out.count * inputs) { panel in
        unsafe MatMul.gemm(
          rows: T, columns: out.count, inner: inputs, alpha: 1,
          a: x.pointer, aStride: inputs, aTransposed: false,
          b: panel, bStride: inputs, bTransposed: true,
          beta: accumulate ? 1 : 0, c: y.pointer + out.lowerBound, cStride: outputs)
      }
    }
  }

  /// `dX += dY · W`
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - dX: (T, in)
  package func backward(_ dY: Tensor, into dX: Tensor, tokens T: Int) {
    precondition(dY.count >= T * rows && dX.count >= T * columns)
    let inputs = columns, outputs = rows
    Parallel.forEachRange(of: inputs, by: Self.panel) { columns in
      for start in stride(from: 0, to: outputs, by: Self.depth) {
        let rows = start..<min(start + Self.depth, outputs)
        unsafe withTile(rows, columns) { tile, stride in
          unsafe MatMul.gemm(
            rows: T, columns: columns.count, inner: rows.count, alpha: 1,
            a: dY.pointer + start, aStride: outputs, aTransposed: false,
            b: tile, bStride: stride, bTransposed: false,
            beta: 1, c: dX.pointer + columns.lowerBound, cStride: inputs)
        }
      }
    }
  }

  /// Copies row `ids[t]` to row `t` of `y`: the embedding lookup.
  /// - Parameter y: (T, in)
  package func gather(_ ids: [Int32], into y: Tensor) {
    for (token, id) in ids.enumerated() {
      unsafe widen(Int(id) * columns, columns, into: y.pointer + token * columns)
    }
  }

  /// The elements as float32: in place when they are, else widened into scratch memory.
  private func withPanel(_ offset: Int, _ count: Int, _ body: (UnsafePointer<Float>) -> Void) {
    if stored.dtype == .f32 {
      unsafe body(stored.bytes.assumingMemoryBound(to: Float.self) + offset)
    } else {
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { scratch in
        guard let base = scratch.baseAddress else { return }
        unsafe widen(offset, count, into: base)
        unsafe body(base)
      }
    }
  }

  /// Some columns of some rows as float32, and the floats from one row to the next.
  private func withTile(
    _ rows: Range<Int>, _ range: Range<Int>, _ body: (UnsafePointer<Float>, Int) -> Void
  ) {
    let start = rows.lowerBound * columns + range.lowerBound
    if stored.dtype == .f32 {
      unsafe body(stored.bytes.assumingMemoryBound(to: Float.self) + start, columns)
    } else {
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * range.count) { scratch in
        guard let base = scratch.baseAddress else { return }
        for row in 0..<rows.count {
          unsafe widen(start + row * columns, range.count, into: base + row * range.count)
        }
        unsafe body(base, range.count)
      }
    }
  }
}

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

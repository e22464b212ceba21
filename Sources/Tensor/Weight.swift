import CKernels

/// A frozen weight (out, in) of a linear layer or an embedding, left in its file's type, or quantized, and widened
/// to float32 panel by panel just before use.
package struct Weight: Sendable {
  package enum Storage: Sendable {
    case plain(StoredTensor)
    case quantized(QuantizedMatrix)
  }

  package let storage: Storage
  package let shape: [Int]
  package var rows: Int { shape[0] }
  package var columns: Int { shape[1] }
  package var count: Int { rows * columns }

  /// - Parameter stored: two dimensions, float32, float16 or bfloat16.
  package init(_ stored: StoredTensor) {
    precondition(stored.shape.count == 2 && stored.dtype.isWeight, "not a weight: \(stored.dtype) \(stored.shape)")
    storage = .plain(stored)
    shape = stored.shape
  }

  package init(_ matrix: QuantizedMatrix) {
    storage = .quantized(matrix)
    shape = matrix.shape
  }

  /// The type of the values: what they are stored in or, when quantized, rounded to after dequantization.
  package var dtype: DType {
    switch storage {
    case .plain(let stored): stored.dtype
    case .quantized(let matrix): matrix.dtype
    }
  }

  /// Bytes that the file holds for it.
  package var byteCount: Int {
    switch storage {
    case .plain(let stored): stored.byteCount
    case .quantized(let matrix): matrix.byteCount
    }
  }

  package var isQuantized: Bool { if case .quantized = storage { true } else { false } }

  /// The elements where they lie, when they are floats already.
  private var floatsInPlace: UnsafePointer<Float>? {
    guard case .plain(let stored) = storage, stored.dtype == .f32 else { return nil }
    return unsafe stored.bytes.assumingMemoryBound(to: Float.self)
  }

  /// Writes some elements as float32.
  func widen(_ tile: ElementTile, into destination: UnsafeMutablePointer<Float>) {
    switch storage {
    case .plain(let stored): unsafe stored.widen(tile, into: destination)
    case .quantized(let matrix): unsafe matrix.widen(tile, into: destination)
    }
  }

  /// Writes the whole weight as float32 over `destination`, which has as many elements.
  package func widen(into destination: Tensor) {
    precondition(destination.count == count)
    Parallel.forEachRange(of: count, by: 1 << 16) { range in
      unsafe widen(ElementTile(range), into: destination.pointer + range.lowerBound)
    }
  }

  /// The whole weight as float32, (out, in).
  package func floats() -> Tensor {
    let result = Tensor(unfilled: shape)
    widen(into: result)
    return result
  }

  /// What is folded into a weight before it is multiplied: `factor · tensor`, (out, in).
  package struct Delta: Sendable {
    let tensor: Tensor
    let factor: Float

    package init(_ tensor: Tensor, factor: Float) {
      self.tensor = tensor
      self.factor = factor
    }

    fileprivate func add(_ tile: ElementTile, to floats: UnsafeMutablePointer<Float>) {
      tile.check(count: tensor.count)
      for row in 0..<tile.rows {
        unsafe rl_multiply_add(
          tile.columns, factor, tensor.pointer + tile.start(ofRow: row), floats + row * tile.columns)
      }
    }
  }

  /// `y = x · (W + delta)ᵀ + lowRank`
  /// - Parameters:
  ///   - x: (T, in)
  ///   - lowRank: (T, out)
  ///   - y: (T, out)
  package func forward(
    _ x: Tensor, plus delta: Delta? = nil, and lowRank: LowRank? = nil, into y: Tensor, tokens T: Int
  ) {
    precondition(x.count >= T * columns && y.count >= T * rows)
    let product = unsafe PanelProduct(
      rows: T, columns: rows, inner: columns, adding: false,
      left: MatrixMemory(x.pointer, stride: columns), result: MatrixMemory(y.pointer, stride: rows))
    if product.readsColumnsInPlace {
      return MatMul.multiplyFew(product, plus: lowRank) { multiplyFew(product, $0, plus: delta) }
    }
    unsafe MatMul.multiply(product, plus: lowRank) { outputs, inputs, panels in
      unsafe withTile(outputs, inputs, plus: delta) { tile, stride in
        unsafe product.pack(tile, stride: stride, isTransposed: true, outputs.count, depth: inputs.count, into: panels)
      }
    }
  }

  /// Multiplies with some of W's rows, in place where they can be read as they are.
  private func multiplyFew(_ product: PanelProduct, _ outputs: Range<Int>, plus delta: Delta?) {
    if delta == nil, case .plain(let stored) = storage, stored.dtype != .f16, columns * stored.dtype.size % 32 == 0 {
      let start = outputs.lowerBound * columns * stored.dtype.size
      unsafe product.multiplyFew(outputs, stored.bytes + start, isBF16: stored.dtype == .bf16, stride: columns)
    } else if delta == nil, case .quantized(let matrix) = storage, matrix.readsCodesInPlace(rows: product.rows) {
      matrix.multiplyFew(product, outputs)
    } else {
      // So few that they stay in the cache.
      for first in stride(from: outputs.lowerBound, to: outputs.upperBound, by: 8) {
        let some = first..<min(first + 8, outputs.upperBound)
        unsafe withTile(some, 0..<columns, plus: delta) { unsafe product.multiplyFew(some, $0, stride: $1) }
      }
    }
  }

  /// `dX = dY · (W + delta) + lowRank`, added to `dX` or in its place
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - lowRank: (T, in)
  ///   - dX: (T, in)
  package func backward(
    _ dY: Tensor, plus delta: Delta? = nil, and lowRank: LowRank? = nil, into dX: Tensor, adding: Bool = false,
    tokens T: Int
  ) {
    precondition(dY.count >= T * rows && dX.count >= T * columns)
    let product = unsafe PanelProduct(
      rows: T, columns: columns, inner: rows, adding: adding,
      left: MatrixMemory(dY.pointer, stride: rows), result: MatrixMemory(dX.pointer, stride: columns))
    unsafe MatMul.multiply(product, plus: lowRank) { inputs, outputs, panels in
      unsafe withTile(outputs, inputs, plus: delta) { tile, stride in
        unsafe product.pack(tile, stride: stride, isTransposed: false, inputs.count, depth: outputs.count, into: panels)
      }
    }
  }

  /// Copies row `ids[t]` to row `t` of `y`: the embedding lookup.
  /// - Parameter y: (T, in)
  package func gather(_ ids: [Int32], into y: Tensor) {
    for (token, id) in ids.enumerated() {
      unsafe widen(ElementTile(Int(id) * columns..<(Int(id) + 1) * columns), into: y.pointer + token * columns)
    }
  }

  /// Some columns of some rows as float32, and the floats from one row to the next.
  private func withTile(
    _ rows: Range<Int>, _ range: Range<Int>, plus delta: Delta?, _ body: (UnsafePointer<Float>, Int) -> Void
  ) {
    let tile = ElementTile(
      offset: rows.lowerBound * columns + range.lowerBound, rows: rows.count, stride: columns, columns: range.count)
    if delta == nil, let floats = unsafe floatsInPlace {
      unsafe body(floats + tile.offset, columns)
    } else {
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: tile.count) { scratch in
        guard let base = scratch.baseAddress else { return }
        unsafe widen(tile, into: base)
        if let delta { unsafe delta.add(tile, to: base) }
        unsafe body(base, tile.columns)
      }
    }
  }
}

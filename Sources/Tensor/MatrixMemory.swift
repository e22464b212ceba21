/// Floats in rows as a product reads or writes them, without what owns them.
@safe struct MatrixMemory: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  /// Floats from one stored row to the next.
  let stride: Int
  /// Whether the product sees stored rows as columns.
  let isTransposed: Bool

  init(_ base: UnsafeMutablePointer<Float>, stride: Int, isTransposed: Bool = false) {
    unsafe self.base = base
    self.stride = stride
    self.isTransposed = isTransposed
  }

  var transposed: MatrixMemory { unsafe MatrixMemory(base, stride: stride, isTransposed: !isTransposed) }

  /// The address of the element at (row, column) as the product sees them.
  func address(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> {
    unsafe isTransposed ? base + column * stride + row : base + row * stride + column
  }
}

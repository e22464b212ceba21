/// `factor · left · right`, of little inner dimension: what is added to another product while that one's tiles are warm.
package struct LowRank: Sendable {
  private let left, right: Matrix
  private let factor: Float

  /// - Parameters:
  ///   - left: (M, r)
  ///   - right: (r, N)
  package init(_ left: Matrix, times right: Matrix, factor: Float = 1) {
    precondition(left.columns == right.rows)
    (self.left, self.right, self.factor) = (left, right, factor)
  }

  /// Adds to some rows and columns of another product's result, (M, N).
  func add(_ rows: Range<Int>, _ columns: Range<Int>, to other: PanelProduct) {
    precondition(left.rows == other.rows && right.columns == other.columns)
    let product = PanelProduct(
      rows: other.rows, columns: other.columns, inner: left.columns, alpha: factor, adding: true, left: left.memory,
      result: other.result)
    let room = MatMul.depth * product.packedCount(columns: columns.count)
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scratch in
      guard let panels = scratch.baseAddress else { return }
      for block in product.blocks(of: 0..<product.inner) {
        unsafe product.pack(right.memory, columns, block, into: panels)
        unsafe product.multiply(
          rows, columns, block, product.leftInPlace(rows, block), product.packedRight(panels, depth: block.count))
      }
    }
  }
}

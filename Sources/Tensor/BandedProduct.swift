/// Small products with matrices of which only a band counts, as attention's scores are, in the calling thread.
///
/// The bits are those of the whole products: what is left out is zero or not wanted.
extension MatMul {
  /// Columns of a result, a panel, and rows of a left matrix between which the band's edge is looked up again.
  private static let bandColumns = PanelProduct.bestPanelColumns, bandRows = 24

  /// Some columns of `c = a · b` inside of a band; outside of it they are undefined.
  /// - Parameters:
  ///   - a: (M, L)
  ///   - b: (L, ≥ N)
  ///   - start: which of b's columns belongs to column 0; that of the first of `columns` begins a panel.
  ///   - c: (M, N), from column 0 on, though `columns` may begin before it.
  static func multiply(
    _ a: MatrixMemory, _ b: RightMatrix, from start: Int = 0, into c: MatrixMemory, inside band: Band, columns: Range<Int>,
    inner: Int
  ) {
    let product = PanelProduct(rows: band.rows, columns: columns.count, inner: inner, adding: false, left: a, result: c)
    product.forEachChunk { rows, depth in
      let packedCount = product.readsLeftInPlace ? 0 : product.packedCount(rows: rows.count) * depth.count
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: packedCount) { scratch in
        let packed = packedCount == 0 ? nil : scratch.baseAddress
        if let packed = unsafe packed { unsafe product.packLeft(0..<rows.count, of: rows, depth, into: packed) }
        for first in stride(from: columns.lowerBound, to: columns.upperBound, by: bandColumns) {
          let group = first..<min(first + bandColumns, columns.upperBound)
          let wanted = band.rows(in: group).clamped(to: rows)
          let skipped = (wanted.lowerBound - rows.lowerBound) / product.panelRows * product.panelRows
          let part = rows.lowerBound + skipped..<wanted.upperBound
          for block in product.blocks(of: depth) where !wanted.isEmpty {
            unsafe product.multiply(
              part, group, block,
              packed.map { unsafe product.packedLeft(from: skipped, of: rows, block, in: depth, $0) }
                ?? product.leftInPlace(part, block),
              b.panels(fromColumn: start + first, depth: block.lowerBound))
          }
        }
      }
    }
  }

  /// Some rows of `c = a · b`, or what a part of the inner dimension adds to them, where `a` is zero outside of a band.
  /// - Parameters:
  ///   - a: (M, L)
  ///   - b: (≥ L, N)
  ///   - start: which of b's rows belongs to 0 of the inner dimension.
  ///   - c: (M, N)
  ///   - inner: from the first of it or another multiple of `depth` on.
  ///   - adding: whether the whole product is added to `c`.
  ///   - support: the part of the whole inner dimension, not empty, that some rows of `a` reach into.
  static func multiply(
    _ a: MatrixMemory, _ b: RightMatrix, from start: Int = 0, into c: MatrixMemory, rows: Range<Int>, columns: Int,
    inner: Range<Int>, adding: Bool = false, support: (_ rows: Range<Int>) -> Range<Int>
  ) {
    let product = PanelProduct(
      rows: rows.count, columns: columns, inner: inner.count, adding: adding, left: a, result: c)
    for block in product.blocks(of: inner) {
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: bandRows) {
        let part = first..<min(first + bandRows, rows.upperBound)
        let reach = support(part), depth = block.clamped(to: reach)
        guard !depth.isEmpty else { continue }
        product.multiply(
          part, 0..<columns, depth, product.leftInPlace(part, depth),
          b.panels(fromColumn: 0, depth: start + depth.lowerBound), isFirst: block.contains(reach.lowerBound))
      }
    }
  }
}

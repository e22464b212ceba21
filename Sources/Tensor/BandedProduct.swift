/// Small products with matrices of which only a band counts, as attention's scores are, in the calling thread.
///
/// What lies side by side is read where it lies. The bits are those of the whole products: what is left out is zero or
/// not wanted.
extension MatMul {
  /// Columns of a result and rows of a left matrix between which the band's edge is looked up again.
  private static let bandColumns = 48, bandRows = 24

  /// `c = a · b` inside of a band; outside of it `c` is undefined.
  /// - Parameters:
  ///   - a: (M, L)
  ///   - b: (L, N)
  ///   - c: (M, N)
  static func multiply(
    _ a: MatrixMemory, _ b: MatrixMemory, into c: MatrixMemory, inside band: Band, columns: Int, inner: Int
  ) {
    let product = PanelProduct(rows: band.rows, columns: columns, inner: inner, adding: false, left: a, result: c)
    product.forEachChunk { rows, depth in
      let packedCount = product.readsLeftInPlace ? 0 : product.packedCount(rows: rows.count) * depth.count
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: packedCount + Self.depth * bandColumns) { scratch in
        guard let packed = scratch.baseAddress else { return }
        let panels = unsafe packed + packedCount
        if packedCount > 0 { unsafe product.packLeft(0..<rows.count, of: rows, depth, into: packed) }
        for first in stride(from: 0, to: columns, by: bandColumns) {
          let group = first..<min(first + bandColumns, columns)
          let wanted = band.rows(in: group).clamped(to: rows)
          let skipped = (wanted.lowerBound - rows.lowerBound) / product.panelRows * product.panelRows
          let part = rows.lowerBound + skipped..<wanted.upperBound
          for block in product.blocks(of: depth) where !wanted.isEmpty {
            unsafe product.pack(b, group, block, into: panels)
            unsafe product.multiply(
              part, group, block,
              packedCount == 0
                ? product.leftInPlace(part, block)
                : product.packedLeft(from: skipped, of: rows, block, in: depth, packed),
              PanelProduct.Panels(packed: panels))
          }
        }
      }
    }
  }

  /// `c = a · b`, added to `c` or in its place, where `a` is zero outside of a band.
  /// - Parameters:
  ///   - a: (M, L)
  ///   - b: (L, N)
  ///   - c: (M, N)
  ///   - support: the part of the inner dimension, not empty, that some rows of `a` reach into.
  static func multiply(
    _ a: MatrixMemory, _ b: MatrixMemory, into c: MatrixMemory, rows: Int, columns: Int, inner: Int, adding: Bool = false,
    support: (_ rows: Range<Int>) -> Range<Int>
  ) {
    let product = PanelProduct(rows: rows, columns: columns, inner: inner, adding: adding, left: a, result: c)
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.depth * Self.columns) { scratch in
      guard let panels = scratch.baseAddress else { return }
      for first in stride(from: 0, to: columns, by: Self.columns) {
        let group = first..<min(first + Self.columns, columns)
        for block in product.blocks(of: 0..<inner) {
          let inPlace = product.inPlace(b, group, block)
          if inPlace == nil { unsafe product.pack(b, group, block, into: panels) }
          for start in stride(from: 0, to: rows, by: bandRows) {
            let part = start..<min(start + bandRows, rows)
            let support = support(part)
            guard block.overlaps(support) else { continue }
            // Panels are as deep as they were packed.
            let depth = inPlace == nil ? block : block.clamped(to: support)
            unsafe product.multiply(
              part, group, depth, product.leftInPlace(part, depth),
              inPlace?.from(depth.lowerBound - block.lowerBound) ?? PanelProduct.Panels(packed: panels),
              isFirst: block.contains(support.lowerBound))
          }
        }
      }
    }
  }
}

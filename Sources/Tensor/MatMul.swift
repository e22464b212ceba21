import CKernels

/// Matrix products, the only door to the product kernels.
///
/// An element of a product is made of one chain of fused multiply-adds for every `depth` of the inner dimension, from
/// the first to the last, and of the sum of these in order. Nothing else counts: its bits are the same whatever the tiles,
/// threads and processor, and whether a row is multiplied alone or among others.
package enum MatMul {
  /// How many of the inner dimension make up one chain.
  static let depth = 256

  /// Columns of the result that are packed and multiplied at a time: whole panels of every level.
  static let columns = 96

  /// Rows of the left matrix, and inner dimensions, that are packed at a time.
  static let packedRows = 1024, packedDepth = 8 * depth

  /// Fewest rows that a thread takes when the columns are too few for all threads.
  private static let fewestRows = 64

  /// The instructions that compute here, as run records name them.
  package static var level: String { "x86-64-v\(PanelProduct.bestLevel)" }

  /// Bytes that one thread packs the right matrix into, with the room to widen it.
  package static let threadBytes = 2 * 4 * depth * columns

  /// Bytes that the left matrix is packed into.
  package static func packedBytes(rows: Int, inner: Int) -> Int {
    4 * (min(rows, packedRows) + 8) * min(inner, packedDepth)
  }

  /// `c = alpha · a · b`, added to `c` or in its place
  /// - Parameters:
  ///   - a: (M, L)
  ///   - b: (L, N)
  ///   - c: (M, N)
  package static func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, adding: Bool = false) {
    if c.isTransposed {
      return multiply(b.transposed, a.transposed, into: c.transposed, alpha: alpha, adding: adding)
    }
    precondition(
      a.rows == c.rows && b.columns == c.columns && a.columns == b.rows,
      "(\(a.rows)×\(a.columns)) · (\(b.rows)×\(b.columns)) does not make \(c.rows)×\(c.columns)")
    let product = PanelProduct(
      rows: c.rows, columns: c.columns, inner: a.columns, alpha: alpha, adding: adding, left: a.memory, result: c.memory)
    unsafe multiply(product) { columns, depth, panels in unsafe product.pack(b.memory, columns, depth, into: panels) }
  }

  /// The same with a right matrix that is packed, a few columns and a little depth at a time, by `packRight`.
  ///
  /// File and function say whose work it is, for `WorkTimes`.
  /// - Parameter lowRank: added to the product, when that is complete.
  static func multiply(
    _ product: PanelProduct, plus lowRank: LowRank? = nil, file: StaticString = #fileID,
    function: StaticString = #function,
    packRight: @Sendable (_ columns: Range<Int>, _ depth: Range<Int>, _ panels: UnsafeMutablePointer<Float>) -> Void
  ) {
    product.clearWithoutInner()
    let columnGroups = (product.columns + columns - 1) / columns
    let pieces = max(1, 3 * Parallel.threads / max(1, columnGroups))
    product.forEachChunk { rows, depth in
      let packed = product.readsLeftInPlace ? nil : Tensor(unfilled: [product.packedCount(rows: rows.count) * depth.count])
      if let packed {
        Parallel.forEachRange(of: rows.count, by: 8 * product.panelRows, file: file, function: function) {
          unsafe product.packLeft($0, of: rows, depth, into: packed.pointer)
        }
      }
      let rowsEach = product.packedCount(rows: max(fewestRows, (rows.count + pieces - 1) / pieces))
      let rowGroups = (rows.count + rowsEach - 1) / rowsEach
      Parallel.forEach(rowGroups * columnGroups, file: file, function: function) { index in
        let first = index / rowGroups * columns, row = index % rowGroups * rowsEach
        let group = first..<min(first + columns, product.columns)
        let part = rows.lowerBound + row..<rows.lowerBound + min(row + rowsEach, rows.count)
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.depth * columns) { scratch in
          guard let panels = scratch.baseAddress else { return }
          for block in product.blocks(of: depth) {
            unsafe packRight(group, block, panels)
            let left = packed.map { unsafe product.packedLeft(from: row, of: rows, block, in: depth, $0.pointer) }
            unsafe product.multiply(
              part, group, block, left ?? product.leftInPlace(part, block), PanelProduct.Panels(packed: panels))
          }
          if depth.upperBound == product.inner { unsafe lowRank?.add(part, group, to: product, panels: panels) }
        }
      }
    }
  }
}

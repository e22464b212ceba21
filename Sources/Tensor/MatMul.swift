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

  /// Columns that a thread takes at a time for few rows.
  private static let fewColumns = 64

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

  /// Packs some columns of a block of the right matrix.
  typealias PackRight =
    @Sendable (_ columns: Range<Int>, _ depth: Range<Int>, _ panels: UnsafeMutablePointer<Float>) -> Void

  /// The same with a right matrix that is packed, a few columns and a little depth at a time, by `packRight`.
  ///
  /// File and function say whose work it is, for `WorkTimes`.
  /// - Parameter lowRank: added to the product, when that is complete.
  static func multiply(
    _ product: PanelProduct, plus lowRank: LowRank? = nil, file: StaticString = #fileID,
    function: StaticString = #function,
    packRight: PackRight
  ) {
    product.clearWithoutInner()
    product.forEachChunk { rows, depth in
      if product.readsLeftInPlace {
        unsafe multiplyNarrow(product, rows, depth, plus: lowRank, file: file, function: function, packRight: packRight)
      } else {
        unsafe multiplyWide(product, rows, depth, plus: lowRank, file: file, function: function, packRight: packRight)
      }
    }
  }

  /// A product of few rows with a right matrix of contiguous columns (`PanelProduct.readsColumnsInPlace`).
  /// - Parameter multiply: multiplies some columns.
  static func multiplyFew(
    _ product: PanelProduct, plus lowRank: LowRank?, file: StaticString = #fileID, function: StaticString = #function,
    multiply: @Sendable (_ columns: Range<Int>) -> Void
  ) {
    product.clearWithoutInner()
    Parallel.forEachRange(of: product.columns, by: fewColumns, file: file, function: function) { columns in
      multiply(columns)
      lowRank?.add(0..<product.rows, columns, to: product)
    }
  }

  /// A chunk of a product of so few columns that all of them are packed at once, for whoever takes some rows.
  private static func multiplyNarrow(
    _ product: PanelProduct, _ rows: Range<Int>, _ depth: Range<Int>, plus lowRank: LowRank?, file: StaticString,
    function: StaticString, packRight: PackRight
  ) {
    let all = 0..<product.columns, width = product.packedCount(columns: product.columns)
    let packed = Tensor(unfilled: [width * depth.count])
    @Sendable func place(_ block: Range<Int>) -> Int { width * (block.lowerBound - depth.lowerBound) }
    let blocks = Array(product.blocks(of: depth))
    Parallel.forEach(blocks.count, file: file, function: function) {
      unsafe packRight(all, blocks[$0], packed.pointer + place(blocks[$0]))
    }
    let rowsEach = product.packedCount(rows: max(1, rows.count / (8 * Parallel.threads)))
    Parallel.forEachRange(of: rows.count, by: rowsEach, file: file, function: function) { part in
      let part = rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound
      for block in blocks {
        let panels = unsafe product.packedRight(packed.pointer + place(block), depth: block.count)
        product.multiply(part, all, block, product.leftInPlace(part, block), panels)
      }
      if depth.upperBound == product.inner { lowRank?.add(part, all, to: product) }
    }
  }

  /// A chunk of a product whose left matrix is packed for all, and the right one by whoever takes some columns.
  private static func multiplyWide(
    _ product: PanelProduct, _ rows: Range<Int>, _ depth: Range<Int>, plus lowRank: LowRank?, file: StaticString,
    function: StaticString, packRight: PackRight
  ) {
    let packed = Tensor(unfilled: [product.packedCount(rows: rows.count) * depth.count])
    Parallel.forEachRange(of: rows.count, by: 4 * product.panelRows, file: file, function: function) {
      unsafe product.packLeft($0, of: rows, depth, into: packed.pointer)
    }
    let groups = columnGroups(of: product)
    let pieces = max(1, 3 * Parallel.threads / groups.count)
    let rowsEach = product.packedCount(rows: max(fewestRows, (rows.count + pieces - 1) / pieces))
    let rowGroups = (rows.count + rowsEach - 1) / rowsEach
    Parallel.forEach(rowGroups * groups.count, file: file, function: function) { index in
      let group = groups[index / rowGroups], row = index % rowGroups * rowsEach
      let part = rows.lowerBound + row..<rows.lowerBound + min(row + rowsEach, rows.count)
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.depth * columns) { scratch in
        guard let panels = scratch.baseAddress else { return }
        for block in product.blocks(of: depth) {
          unsafe packRight(group, block, panels)
          unsafe product.multiply(
            part, group, block, product.packedLeft(from: row, of: rows, block, in: depth, packed.pointer),
            product.packedRight(panels, depth: block.count))
        }
      }
      if depth.upperBound == product.inner { lowRank?.add(part, group, to: product) }
    }
  }

  /// The columns that threads take one after another: many at first, at last a single panel, so that all threads end at nearly
  /// the same time (guided self-scheduling, Polychronopoulos and Kuck 1987).
  private static func columnGroups(of product: PanelProduct) -> [Range<Int>] {
    var groups: [Range<Int>] = []
    var first = 0
    while first < product.columns {
      let share = (product.columns - first) / Parallel.threads / product.panelColumns * product.panelColumns
      let end = min(first + min(max(share, product.panelColumns), columns), product.columns)
      groups.append(first..<end)
      first = end
    }
    return groups
  }
}

import CKernels

/// One matrix product, `result = alpha · left · right`, as the kernels take it: the left matrix packed in panels of a few
/// rows, the right one in panels of a few columns, both cut into blocks of `MatMul.depth`.
struct PanelProduct: Sendable {
  /// M, N and L
  let rows, columns, inner: Int
  let alpha: Float
  /// Whether the product is added to the result.
  let adding: Bool
  /// (M, L)
  let left: MatrixMemory
  /// (M, N), not transposed.
  let result: MatrixMemory
  /// Which of the processor's instructions compute; the bits are the same for all.
  var level = Self.bestLevel

  static let bestLevel = rl_matmul_level()

  /// Columns of a panel of the right matrix at that level.
  static let bestPanelColumns = rl_matmul_panel_columns(bestLevel)

  /// Rows of a panel of the left matrix.
  var panelRows: Int { rl_matmul_panel_rows(level) }

  init(
    rows: Int, columns: Int, inner: Int, alpha: Float = 1, adding: Bool, left: MatrixMemory, result: MatrixMemory
  ) {
    precondition(!result.isTransposed)
    (self.rows, self.columns, self.inner) = (rows, columns, inner)
    (self.alpha, self.adding, self.left, self.result) = (alpha, adding, left, result)
  }

  /// Columns of a panel of the right matrix.
  var panelColumns: Int { rl_matmul_panel_columns(level) }

  /// So many rows, filled up to whole panels.
  func packedCount(rows: Int) -> Int { (rows + panelRows - 1) / panelRows * panelRows }

  /// So many columns, filled up to whole panels.
  func packedCount(columns: Int) -> Int { (columns + panelColumns - 1) / panelColumns * panelColumns }

  /// Calls `body` with parts of the rows and the inner dimension, small enough to be packed at a time, in order.
  func forEachChunk(_ body: (_ rows: Range<Int>, _ depth: Range<Int>) -> Void) {
    for row in stride(from: 0, to: rows, by: MatMul.packedRows) {
      for start in stride(from: 0, to: inner, by: MatMul.packedDepth) {
        body(row..<min(row + MatMul.packedRows, rows), start..<min(start + MatMul.packedDepth, inner))
      }
    }
  }

  /// The chains that a chunk of the inner dimension is made of.
  func blocks(of depth: Range<Int>) -> some Sequence<Range<Int>> {
    stride(from: depth.lowerBound, to: depth.upperBound, by: MatMul.depth).lazy.map {
      $0..<min($0 + MatMul.depth, depth.upperBound)
    }
  }

  /// A product over nothing is zero.
  func clearWithoutInner() {
    guard inner == 0, !adding else { return }
    for row in 0..<rows { unsafe result.address(row, 0).update(repeating: 0, count: columns) }
  }

  /// Rows or columns of a block, as the kernels read them.
  @safe struct Panels {
    let start: UnsafePointer<Float>
    /// Floats from one depth to the next, or from one contiguous row to the next.
    let step: Int
    /// Floats from one panel to the next.
    let next: Int
    /// Whether these are rows that are contiguous each.
    var areRows = false
  }

  /// Packs some rows of a chunk, block after block.
  /// - Parameter part: counted from the chunk's first row; begins with a panel.
  func packLeft(
    _ part: Range<Int>, of chunk: Range<Int>, _ depth: Range<Int>, into packed: UnsafeMutablePointer<Float>
  ) {
    for block in blocks(of: depth) {
      unsafe rl_matmul_pack_rows(
        level, part.count, block.count, left.stride, left.isTransposed ? 0 : 1,
        left.address(chunk.lowerBound + part.lowerBound, block.lowerBound),
        packed + place(part.lowerBound, of: chunk, block, in: depth))
    }
  }

  /// What `packLeft` has packed of a block, from some row of the chunk on.
  func packedLeft(
    from row: Int, of chunk: Range<Int>, _ block: Range<Int>, in depth: Range<Int>, _ packed: UnsafePointer<Float>
  ) -> Panels {
    unsafe Panels(
      start: packed + place(row, of: chunk, block, in: depth), step: panelRows, next: block.count * panelRows)
  }

  private func place(_ row: Int, of chunk: Range<Int>, _ block: Range<Int>, in depth: Range<Int>) -> Int {
    packedCount(rows: chunk.count) * (block.lowerBound - depth.lowerBound) + row * block.count
  }

  /// Whether the left matrix is better read where it lies: with so few columns, packing it would take as long as multiplying.
  var readsLeftInPlace: Bool { columns <= MatMul.columns }

  /// Whether a right matrix of contiguous columns is better read where it lies: for so few rows, packing it would take longer
  /// than multiplying.
  var readsColumnsInPlace: Bool {
    !left.isTransposed && Self.readsColumnsInPlace(rows: rows, inner: inner, level: level)
  }

  static func readsColumnsInPlace(rows: Int, inner: Int, level: Int32) -> Bool {
    rows <= rl_matmul_few_rows(level) && inner % 8 == 0
  }

  /// A block's rows of the left matrix where they lie.
  func leftInPlace(_ rows: Range<Int>, _ block: Range<Int>) -> Panels {
    unsafe Panels(
      start: left.address(rows.lowerBound, block.lowerBound), step: left.stride,
      next: panelRows * (left.isTransposed ? 1 : left.stride), areRows: !left.isTransposed)
  }

  /// What `pack` has packed of a block of the right matrix.
  func packedRight(_ panels: UnsafePointer<Float>, depth: Int) -> Panels {
    unsafe Panels(start: panels, step: panelColumns, next: depth * panelColumns)
  }

  /// Packs some columns of a block of the right matrix.
  /// - Parameter right: (L, N)
  func pack(_ right: MatrixMemory, _ columns: Range<Int>, _ block: Range<Int>, into panels: UnsafeMutablePointer<Float>) {
    unsafe pack(
      right.address(block.lowerBound, columns.lowerBound), stride: right.stride, isTransposed: right.isTransposed,
      columns.count, depth: block.count, into: panels)
  }

  /// Packs columns that lie at `x`.
  func pack(
    _ x: UnsafePointer<Float>, stride: Int, isTransposed: Bool, _ columns: Int, depth: Int,
    into panels: UnsafeMutablePointer<Float>
  ) {
    unsafe rl_matmul_pack_columns(level, columns, depth, stride, isTransposed ? 1 : 0, x, panels)
  }

  /// Multiplies some rows and columns of a block.
  /// - Parameter isFirst: whether it begins these elements of the product; nil: when it begins the inner dimension.
  func multiply(
    _ rows: Range<Int>, _ columns: Range<Int>, _ block: Range<Int>, _ left: Panels, _ right: Panels, isFirst: Bool? = nil
  ) {
    unsafe rl_matmul_block(
      level, rows.count, columns.count, block.count, alpha, left.start, left.step, left.next,
      left.areRows ? 1 : 0, right.start, right.step, right.next,
      adding || !(isFirst ?? (block.lowerBound == 0)) ? 1 : 0, result.stride, result.address(rows.lowerBound, columns.lowerBound))
  }

  /// Multiplies all rows, which are few, and some columns.
  /// - Parameters:
  ///   - right: where these columns begin, contiguous each: floats, or bfloat16.
  ///   - stride: elements from one column to the next.
  func multiplyFew(_ columns: Range<Int>, _ right: UnsafeRawPointer, isBF16: Bool = false, stride: Int) {
    unsafe rl_matmul_few(
      rows, columns.count, inner, MatMul.depth, alpha, left.address(0, 0), left.stride, right, isBF16 ? 1 : 0, stride,
      adding ? 1 : 0, result.stride, result.address(0, columns.lowerBound))
  }
}

import CKernels

/// The right matrix (L, N) of several products, made ready once for all of them: packed, or read where it lies.
struct RightMatrix: @unchecked Sendable {
  /// Rows of left matrices for which packing takes longer than it saves.
  private static let fewRows = 24

  private let panels: PanelProduct.Panels
  /// What the panels lie in, unless that is the matrix itself.
  private let packed: Tensor?

  /// - Parameters:
  ///   - rows: of the left matrices. For a few, columns that lie side by side in whole vectors are read where they are, which
  ///     must be as long as this is used.
  init(_ b: MatrixMemory, columns: Int, inner: Int, rows: Int) {
    let level = PanelProduct.bestLevel, width = PanelProduct.bestPanelColumns
    if rows < Self.fewRows, !b.isTransposed, columns % rl_matmul_lanes(level) == 0 {
      packed = nil
      panels = unsafe PanelProduct.Panels(start: b.base, step: b.stride, next: width)
    } else {
      let packed = Tensor(unfilled: [(columns + width - 1) / width, inner, width])
      unsafe rl_matmul_pack_columns(level, columns, inner, b.stride, b.isTransposed ? 1 : 0, b.base, packed.pointer)
      self.packed = packed
      panels = unsafe PanelProduct.Panels(start: packed.pointer, step: width, next: inner * width)
    }
  }

  /// What begins with some column, the first of a panel, and some of the inner dimension.
  func panels(fromColumn column: Int, depth: Int) -> PanelProduct.Panels {
    let (panel, rest) = column.quotientAndRemainder(dividingBy: PanelProduct.bestPanelColumns)
    precondition(rest == 0, "column \(column) is within a panel")
    return unsafe PanelProduct.Panels(
      start: panels.start + panel * panels.next + depth * panels.step, step: panels.step, next: panels.next)
  }
}

extension Tensor {
  /// Rows that one thread takes at a time.
  private static let rowBlock = 64

  /// A (rows, D) tensor cut into consecutive columns, each part with memory of its own; the tensor itself when it is whole.
  /// - Parameter widths: their sum is D.
  package func columns(ofWidths widths: [Int]) -> [Tensor] {
    precondition(widths.reduce(0, +) == shape[1])
    guard widths.count > 1 else { return [self] }
    let parts = widths.map { Tensor(unfilled: [shape[0], $0]) }
    Self.forEachPart(parts, rows: shape[0]) { row, part, column in
      let width = part.shape[1]
      unsafe (part.pointer + row * width).update(from: pointer + row * shape[1] + column, count: width)
    }
    return parts
  }

  /// Parts (rows, width) side by side; a single part is taken as it is.
  package init(columns parts: [Tensor]) {
    precondition(!parts.isEmpty && parts.allSatisfy { $0.shape[0] == parts[0].shape[0] })
    guard parts.count > 1 else {
      self = parts[0]
      return
    }
    let whole = Tensor(unfilled: [parts[0].shape[0], parts.reduce(0) { $0 + $1.shape[1] }])
    Self.forEachPart(parts, rows: whole.shape[0]) { row, part, column in
      let width = part.shape[1]
      unsafe (whole.pointer + row * whole.shape[1] + column).update(
        from: part.pointer + row * width, count: width)
    }
    self = whole
  }

  /// Calls `body` with every row, part and the column of the whole at which the part begins.
  private static func forEachPart(
    _ parts: [Tensor], rows: Int, _ body: @Sendable (Int, Tensor, Int) -> Void
  ) {
    Parallel.forEachRange(of: rows, by: rowBlock) { range in
      for row in range {
        var column = 0
        for part in parts {
          body(row, part, column)
          column += part.shape[1]
        }
      }
    }
  }
}

/// Elements of a matrix that is stored row after row: the same columns of some consecutive rows.
struct ElementTile: Sendable {
  /// Of the first element, counted from the matrix's own first.
  let offset: Int
  let rows: Int
  /// Elements from one row to the next.
  let stride: Int
  let columns: Int

  init(offset: Int, rows: Int, stride: Int, columns: Int) {
    (self.offset, self.rows, self.stride, self.columns) = (offset, rows, stride, columns)
  }

  /// Consecutive elements.
  init(_ range: Range<Int>) {
    self.init(offset: range.lowerBound, rows: 1, stride: range.count, columns: range.count)
  }

  var count: Int { rows * columns }

  func start(ofRow row: Int) -> Int { offset + row * stride }

  /// Traps when it leaves a matrix of so many elements.
  func check(count: Int) {
    precondition(offset >= 0 && rows >= 0 && columns >= 0 && stride >= columns)
    precondition(rows == 0 || start(ofRow: rows - 1) + columns <= count)
  }
}

import CKernels

/// A frozen matrix of which few entries are not zero, as compressed rows.
package struct SparseMatrix: Sendable {
  package let rows: Int
  package let columns: Int
  /// Where the entries of each row begin, and where the last one's end, (rows + 1).
  private let offsets: [Int]
  /// The column of each entry, ascending within a row.
  private let indices: [Int32]
  private let values: [Float]

  /// Rows and columns of the result that one thread takes at a time.
  private static let tile = (rows: 128, columns: 64)

  /// The entries of a matrix that are not zero.
  package init(_ dense: Matrix) {
    var offsets = [0], indices: [Int32] = [], values: [Float] = []
    for row in 0..<dense.rows {
      for column in 0..<dense.columns {
        let value = unsafe dense.address(row, column).pointee
        if value != 0 {
          indices.append(Int32(column))
          values.append(value)
        }
      }
      offsets.append(indices.count)
    }
    (rows, columns) = (dense.rows, dense.columns)
    (self.offsets, self.indices, self.values) = (offsets, indices, values)
  }

  /// The share of entries that are not zero.
  package var density: Double { Double(values.count) / Double(max(1, rows * columns)) }

  /// `c = alpha · self · b`, added to `c` or in its place
  /// - Parameters:
  ///   - b: (columns, N)
  ///   - c: (rows, N)
  package func multiply(_ b: Matrix, into c: Matrix, alpha: Float = 1, adding: Bool = false) {
    precondition(b.rows == columns && c.rows == rows && b.columns == c.columns)
    let b = b.isTransposed ? b.copy() : b
    let columnTiles = (c.columns + Self.tile.columns - 1) / Self.tile.columns
    let rowTiles = (rows + Self.tile.rows - 1) / Self.tile.rows
    Parallel.forEach(rowTiles * columnTiles) { index in
      let row = index / columnTiles * Self.tile.rows, column = index % columnTiles * Self.tile.columns
      let tile = Tensor(min(Self.tile.rows, rows - row), min(Self.tile.columns, c.columns - column))
      multiply(rowsFrom: row, b, column: column, into: tile)
      c.store(tile, row: row, column: column, alpha: alpha, adding: adding)
    }
  }

  /// Adds the products of some rows with some columns of `b` to a tile.
  private func multiply(rowsFrom first: Int, _ b: Matrix, column: Int, into tile: Tensor) {
    let width = tile.shape[1]
    unsafe indices.withUnsafeBufferPointer { indices in
      unsafe values.withUnsafeBufferPointer { values in
        guard let indices = indices.baseAddress, let values = values.baseAddress else { return }
        for row in 0..<tile.shape[0] {
          let start = offsets[first + row], count = offsets[first + row + 1] - start
          unsafe rl_sparse_row(
            width, count, indices + start, values + start, b.stride, b.address(0, column),
            tile.pointer + row * width)
        }
      }
    }
  }
}

extension Matrix {
  /// A row-major copy.
  fileprivate func copy() -> Matrix {
    precondition(isTransposed)
    let result = Tensor(rows, columns)
    Parallel.forEachRange(of: columns, by: 64) { range in
      unsafe rl_transpose(
        range.count, rows, stride, address(0, range.lowerBound), columns, result.pointer + range.lowerBound)
    }
    return Matrix(result)
  }

  /// `self[row…, column…] = alpha · tile`, added or in its place
  fileprivate func store(_ tile: Tensor, row: Int, column: Int, alpha: Float, adding: Bool) {
    if isTransposed {
      let turned = Tensor(tile.shape[1], tile.shape[0])
      unsafe rl_transpose(
        tile.shape[0], tile.shape[1], tile.shape[1], tile.pointer, tile.shape[0], turned.pointer)
      return transposed.store(turned, row: column, column: row, alpha: alpha, adding: adding)
    }
    let width = tile.shape[1]
    for line in 0..<tile.shape[0] {
      let y = unsafe address(row + line, column)
      let x = unsafe tile.pointer + line * width
      unsafe adding ? rl_multiply_add(width, alpha, x, y) : rl_multiply(width, alpha, x, y)
    }
  }
}

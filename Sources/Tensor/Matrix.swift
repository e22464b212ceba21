/// A rectangle of floats inside a tensor, as a matrix product reads or writes it.
package struct Matrix: Sendable {
  /// As the product sees them, that is after transposition.
  package let rows: Int
  package let columns: Int
  let memory: MatrixMemory
  private let owner: Tensor

  var stride: Int { memory.stride }
  var isTransposed: Bool { memory.isTransposed }

  /// A row-major matrix of `rows` times `columns` that starts `offset` floats into `tensor`.
  package init(_ tensor: Tensor, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil) {
    let stride = stride ?? columns
    precondition(
      offset >= 0 && stride >= columns && offset + max(0, (rows - 1) * stride + columns) <= tensor.count,
      "a \(rows)×\(columns) matrix at \(offset) with stride \(stride) leaves a tensor of \(tensor.shape)")
    self.rows = rows
    self.columns = columns
    memory = unsafe MatrixMemory(tensor.pointer + offset, stride: stride)
    owner = tensor
  }

  /// A tensor of two dimensions, whole.
  package init(_ tensor: Tensor) {
    precondition(tensor.shape.count == 2, "expected two dimensions, found \(tensor.shape)")
    self.init(tensor, rows: tensor.shape[0], columns: tensor.shape[1])
  }

  private init(transposing matrix: Matrix) {
    rows = matrix.columns
    columns = matrix.rows
    memory = matrix.memory.transposed
    owner = matrix.owner
  }

  /// The same memory read with rows and columns exchanged.
  package var transposed: Matrix { Matrix(transposing: self) }

  /// The address of the element at (row, column) as the product sees them.
  func address(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> { unsafe memory.address(row, column) }
}

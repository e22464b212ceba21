import COpenBLAS
package import Failures
package import Tensor

/// The singular value decomposition `a = left · diag(values) · right` (LAPACK's dgesdd), with k = min(M, N).
///
/// In double precision: in single precision the factors of a matrix that a model is sensitive to lose a digit.
/// Signs are fixed: the largest element of each row of `right` is positive.
package struct SingularValues {
  /// (M, k), row by row.
  package let left: [Double]
  /// Descending, (k).
  package let values: [Double]
  /// (k, N), row by row.
  package let right: [Double]

  /// OpenBLAS's own threads would change the bits; evaluated once.
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// - Parameter a: (M, N), of finite numbers.
  /// - Throws: `Failure.badData` when the decomposition does not converge.
  package init(_ a: Tensor) throws(Failure) {
    let (M, N) = (a.shape[0], a.shape[1]), k = min(a.shape[0], a.shape[1])
    // LAPACK counts by columns: it is given the transpose of `a`, and returns the transposes of both factors.
    var work = a.array.map { Double($0) }
    var values = [Double](repeating: 0, count: k), integers = [Int32](repeating: 0, count: 8 * k)
    var left = [Double](repeating: 0, count: M * k), right = [Double](repeating: 0, count: k * N)
    func decompose(_ scratch: inout [Double], count: Int) -> Int32 {
      _ = Self.singleThreaded
      var (rows, columns, inner, size, info) = (Int32(N), Int32(M), Int32(k), Int32(count), Int32(0))
      var job = CChar(UInt8(ascii: "S"))
      unsafe dgesdd_(
        &job, &rows, &columns, &work, &rows, &values, &right, &rows, &left, &inner, &scratch, &size, &integers, &info, 1)
      precondition(info >= 0, "argument \(-info) of dgesdd")
      return info
    }
    var query = [0.0]
    _ = decompose(&query, count: -1)
    var scratch = [Double](repeating: 0, count: Int(query[0]))
    guard decompose(&scratch, count: scratch.count) == 0 else {
      throw Failure(.badData, "the singular values of a \(M)×\(N) matrix do not converge", hint: "its values may not be finite")
    }
    for row in 0..<k {
      let line = right[row * N..<(row + 1) * N]
      let largest = line.max { abs($0) < abs($1) } ?? 0
      guard largest < 0 else { continue }
      for column in 0..<N { right[row * N + column].negate() }
      for line in 0..<M { left[line * k + row].negate() }
    }
    (self.left, self.values, self.right) = (left, values, right)
  }
}

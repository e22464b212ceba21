import COpenBLAS
package import Failures

/// The singular value decomposition `a = left · diag(values) · right` (LAPACK's sgesdd), with k = min(M, N).
///
/// Signs are fixed: the largest element of each row of `right` is positive, the first of several as large.
package struct SingularValues {
  /// (M, k)
  package let left: Tensor
  /// Descending, (k).
  package let values: [Float]
  /// (k, N)
  package let right: Tensor

  /// - Parameter a: (M, N), of finite numbers.
  /// - Throws: `Failure.badData` when the decomposition does not converge.
  package init(_ a: Tensor) throws(Failure) {
    let (M, N) = (a.shape[0], a.shape[1]), k = min(a.shape[0], a.shape[1])
    // LAPACK counts by columns: it is given the transpose of `a`, and returns the transposes of both factors.
    let work = Tensor(shape: a.shape)
    work.copy(from: a)
    let values = Tensor(k), left = Tensor(M, k), right = Tensor(k, N)
    var integers = [Int32](repeating: 0, count: 8 * k)
    func decompose(_ scratch: Tensor, count: Int) -> Int32 {
      MatMul.keepSingleThreaded()
      var (rows, columns, inner, size, info) = (Int32(N), Int32(M), Int32(k), Int32(count), Int32(0))
      var job = CChar(UInt8(ascii: "S"))
      unsafe sgesdd_(
        &job, &rows, &columns, work.pointer, &rows, values.pointer, right.pointer, &rows, left.pointer, &inner,
        scratch.pointer, &size, &integers, &info, 1)
      precondition(info >= 0, "argument \(-info) of sgesdd")
      return info
    }
    let query = Tensor(1)
    _ = decompose(query, count: -1)
    // A size above 2²⁴ may have been rounded down to a float.
    let count = Int(query[0].nextUp.rounded(.up))
    guard decompose(Tensor(count), count: count) == 0 else {
      throw Failure(.badData, "the singular values of a \(M)×\(N) matrix do not converge", hint: "its values may not be finite")
    }
    for row in 0..<k {
      var largest: Float = 0
      for column in 0..<N where abs(right[row * N + column]) > abs(largest) { largest = right[row * N + column] }
      guard largest < 0 else { continue }
      for column in 0..<N { right[row * N + column].negate() }
      for line in 0..<M { left[line * k + row].negate() }
    }
    (self.left, self.values, self.right) = (left, values.array, right)
  }
}

import COpenBLAS

/// Matrix products: the only caller of BLAS.
///
/// A product is cut into tiles of the result whose sizes come from its shape alone, and each tile is one
/// single-threaded BLAS call over the whole inner dimension. OpenBLAS's own threads would change the bits.
package enum MatMul {
  /// Rows and columns of a tile of the result.
  static let tile = 256

  /// The version and the processor kernels of the BLAS in use, as run records name them.
  package static var library: (version: String, core: String) {
    unsafe (String(cString: openblas_get_config()), String(cString: openblas_get_corename()))
  }

  /// Keeps OpenBLAS to the calling thread; evaluated once, before the first product.
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// For those who call LAPACK, which calls BLAS.
  static func keepSingleThreaded() { _ = singleThreaded }

  /// `c = alpha · a · b + beta · c`
  /// - Parameters:
  ///   - a: (M, L)
  ///   - b: (L, N)
  ///   - c: (M, N)
  package static func multiply(
    _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, beta: Float = 0
  ) {
    if c.isTransposed {
      return multiply(b.transposed, a.transposed, into: c.transposed, alpha: alpha, beta: beta)
    }
    precondition(
      a.rows == c.rows && b.columns == c.columns && a.columns == b.rows,
      "(\(a.rows)×\(a.columns)) · (\(b.rows)×\(b.columns)) does not make \(c.rows)×\(c.columns)")
    let rowTiles = (c.rows + tile - 1) / tile
    let columnTiles = (c.columns + tile - 1) / tile
    Parallel.forEach(rowTiles * columnTiles) { index in
      let row = index / columnTiles * tile
      let column = index % columnTiles * tile
      unsafe gemm(
        rows: min(tile, c.rows - row), columns: min(tile, c.columns - column), inner: a.columns,
        alpha: alpha, a: a.address(row, 0), aStride: a.stride, aTransposed: a.isTransposed,
        b: b.address(0, column), bStride: b.stride, bTransposed: b.isTransposed,
        beta: beta, c: c.address(row, column), cStride: c.stride)
    }
  }

  /// One BLAS call in the calling thread.
  static func gemm(
    rows: Int, columns: Int, inner: Int, alpha: Float,
    a: UnsafePointer<Float>, aStride: Int, aTransposed: Bool,
    b: UnsafePointer<Float>, bStride: Int, bTransposed: Bool,
    beta: Float, c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    _ = singleThreaded
    unsafe cblas_sgemm(
      CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans,
      blasint(rows), blasint(columns), blasint(inner), alpha, a, blasint(aStride), b, blasint(bStride),
      beta, c, blasint(cStride))
  }
}

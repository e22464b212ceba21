import CKernels

/// Root-mean-square normalisation (Zhang & Sennrich 2019): `y = x / rms(x) · w`.
package struct RMSNorm: Sendable {
  /// (D)
  package let weight: Tensor
  package let epsilon: Float
  private static let block = 16

  package init(weight: Tensor, epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  /// - Parameters:
  ///   - x, y: (T, D)
  ///   - rstd: (T), the reciprocal of each row's root mean square, which the backward pass needs.
  package func forward(_ x: Tensor, into y: Tensor, rstd: Tensor, tokens T: Int) {
    let D = weight.count
    precondition(x.count >= T * D && y.count >= T * D && rstd.count >= T)
    Parallel.forEachRange(of: T, by: Self.block) { range in
      let at = range.lowerBound
      unsafe rl_rms_norm(
        range.count, D, epsilon, x.pointer + at * D, weight.pointer, y.pointer + at * D, rstd.pointer + at)
    }
  }

  /// Adds the gradient with respect to `x` to `dX`.
  /// - Parameters:
  ///   - x, dY, dX: (T, D)
  ///   - rstd: (T), from the forward pass.
  package func backward(dY: Tensor, x: Tensor, rstd: Tensor, into dX: Tensor, tokens T: Int) {
    let D = weight.count
    precondition(x.count >= T * D && dY.count >= T * D && dX.count >= T * D && rstd.count >= T)
    Parallel.forEachRange(of: T, by: Self.block) { range in
      let at = range.lowerBound
      unsafe rl_rms_norm_backward(
        range.count, D, x.pointer + at * D, weight.pointer, rstd.pointer + at, dY.pointer + at * D,
        dX.pointer + at * D)
    }
  }

  /// Adds the gradient with respect to the weight to `dWeight` (D).
  package func weightGradient(dY: Tensor, x: Tensor, rstd: Tensor, into dWeight: Tensor, tokens T: Int) {
    let D = weight.count
    precondition(x.count >= T * D && dY.count >= T * D && dWeight.count == D && rstd.count >= T)
    unsafe rl_rms_norm_weight_backward(T, D, x.pointer, rstd.pointer, dY.pointer, dWeight.pointer)
  }
}

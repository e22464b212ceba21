import Tensor

/// What the backward pass of a norm needs: its input, (rows, width), and the reciprocal RMS of each row.
struct NormInput {
  let x: Tensor
  let rstd: Tensor
}

extension RMSNorm {
  /// - Parameter x: rows as wide as the norm, whatever their number.
  /// - Returns: the normalised rows, in the shape of `x`.
  func forward(_ x: Tensor) -> (y: Tensor, input: NormInput) {
    let rows = x.count / weight.count
    let y = Tensor(shape: x.shape), rstd = Tensor(rows)
    forward(x, into: y, rstd: rstd, tokens: rows)
    return (y, NormInput(x: x, rstd: rstd))
  }

  /// Adds the gradient with respect to the norm's input to `dX`.
  func backward(dY: Tensor, input: NormInput, into dX: Tensor) {
    backward(dY: dY, x: input.x, rstd: input.rstd, into: dX, tokens: input.rstd.count)
  }
}

/// A norm that some families have and others have not: without it, what comes in goes out.
struct OptionalNorm: Sendable {
  let norm: RMSNorm?

  func forward(_ x: Tensor) -> (y: Tensor, input: NormInput?) { norm?.forward(x) ?? (x, nil) }

  /// The gradient with respect to the norm's input.
  func backward(dY: Tensor, input: NormInput?) -> Tensor {
    guard let norm, let input else { return dY }
    let dX = Tensor(shape: dY.shape)
    norm.backward(dY: dY, input: input, into: dX)
    return dX
  }
}

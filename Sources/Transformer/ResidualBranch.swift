import Tensor

/// How half of a decoder layer, f, hangs on the residual stream: `y = x + s · outputNorm(f(inputNorm(x)))`, where families
/// have one of the norms or both.
struct ResidualBranch: Sendable {
  let inputNorm, outputNorm: OptionalNorm
  /// s
  let scale: Float

  /// What the backward pass needs of the forward pass.
  struct Activations {
    /// What f, or the norm before it, was given, (T, D).
    let x: Tensor
    let input: NormInput?
    /// What the norm after f was given, (T, D).
    let output: NormInput?
  }

  /// - Parameters:
  ///   - x: (T, D)
  ///   - half: f, with what it keeps for its own backward pass.
  func forward<Kept>(
    _ x: Tensor, pass: Pass, _ half: (Tensor) -> (Tensor, Kept)
  ) -> (y: Tensor, Activations, Kept) {
    let (h, input) = inputNorm.forward(x, pass: pass)
    let (result, kept) = half(h)
    let (y, output) = outputNorm.forward(result, pass: pass)
    if scale != 1 { y.scale(by: scale) }
    y.add(x)
    return (y, Activations(x: x, input: input, output: output), kept)
  }

  /// The gradient of what f returned.
  /// - Parameter d: of y, (T, D); left as it is.
  func outputGradient(_ d: Tensor, _ saved: Activations, pass: Pass) -> Tensor {
    guard scale != 1 else { return outputNorm.backward(dY: d, input: saved.output, pass: pass) }
    let scaled = d.duplicate()
    scaled.scale(by: scale)
    return outputNorm.backward(dY: scaled, input: saved.output, pass: pass)
  }

  /// What f was given.
  func halfInput(_ saved: Activations, pass: Pass) -> Recomputed<Tensor> {
    Recomputed { inputNorm.forward(saved.x, pass: pass).y }
  }

  /// Turns the gradient of y into that of x, in place.
  /// - Parameter dH: of what f was given, (T, D).
  func addInputGradient(_ dH: Tensor, _ saved: Activations, to d: Tensor, pass: Pass) {
    if let norm = inputNorm.norm, let input = saved.input {
      norm.backward(dY: dH, input: input, into: d, pass: pass)
    } else {
      d.add(dH)
    }
  }
}

import Adapters
import Tensor

/// The second half of a decoder layer: a gated feed-forward network over a normalised copy of the residual stream, added
/// back to it.
struct FeedForwardBlock: Sendable {
  let inputNorm: RMSNorm
  /// gate and up, (T, F)
  let gateUp: Projections
  let down: Linear

  /// In the order of their slots.
  var linears: [Linear] { gateUp.linears + [down] }

  /// What the backward pass needs of the forward pass; the rest it forms again.
  struct Activations {
    /// (T, D)
    let input: NormInput
    /// (T, F)
    let gate, up: Tensor
  }

  /// - Parameter x: (T, D)
  /// - Returns: the residual stream, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass) -> (y: Tensor, Activations) {
    let (h, input) = inputNorm.forward(x)
    let projected = gateUp.forward(h, pass: pass)
    let (gate, up) = (projected[0], projected[1])
    let y = down.forward(activation(gate, up), pass: pass)
    y.add(x)
    return (y, Activations(input: input, gate: gate, up: up))
  }

  /// Turns the gradient of the output into that of the input, in place.
  /// - Parameters:
  ///   - d: (T, D)
  ///   - saved: consumed; its gate and up are overwritten.
  func backward(_ d: Tensor, _ saved: Activations, pass: Pass) {
    let dActivation = Tensor(shape: saved.gate.shape)
    down.backward(dY: d, x: activation(saved.gate, saved.up), into: dActivation, pass: pass)
    SwiGLU.backward(dOut: dActivation, gate: saved.gate, up: saved.up)  // now the gradients of both
    let dH = Tensor(shape: d.shape)
    let h = Recomputed { inputNorm.forward(saved.input.x).y }
    gateUp.backward(dY: [saved.gate, saved.up], x: h, into: dH, pass: pass)
    inputNorm.backward(dY: dH, input: saved.input, into: d)
  }

  private func activation(_ gate: Tensor, _ up: Tensor) -> Tensor {
    let out = Tensor(shape: gate.shape)
    SwiGLU.forward(gate: gate, up: up, into: out)
    return out
  }
}

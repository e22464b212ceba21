import Adapters
import Tensor

/// The second half of a decoder layer: a gated feed-forward network over the residual stream, added back to it.
struct FeedForwardBlock: Sendable {
  let branch: ResidualBranch
  /// gate and up, (T, F)
  let gateUp: Projections
  let activation: GatedActivation
  let down: Linear

  /// In the order of their slots.
  var linears: [Linear] { gateUp.linears + [down] }

  /// What the backward pass needs of the forward pass; the rest it forms again.
  struct Activations {
    let branch: ResidualBranch.Activations
    /// (T, F)
    let gate, up: Tensor
  }

  /// - Parameter x: (T, D)
  /// - Returns: the residual stream, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass) -> (y: Tensor, Activations) {
    let (y, saved, own) = branch.forward(x, pass: pass) { h in
      let projected = gateUp.forward(h, pass: pass)
      return (down.forward(activated(projected[0], projected[1]), pass: pass), projected)
    }
    return (y, Activations(branch: saved, gate: own[0], up: own[1]))
  }

  /// Turns the gradient of the output into that of the input, in place.
  /// - Parameters:
  ///   - d: (T, D)
  ///   - saved: consumed; its gate and up are overwritten.
  func backward(_ d: Tensor, _ saved: Activations, pass: Pass) {
    let dActivated = Tensor(unfilled: saved.gate.shape)
    down.backward(
      dY: branch.outputGradient(d, saved.branch, pass: pass), x: activated(saved.gate, saved.up), into: dActivated,
      pass: pass)
    activation.backward(dOut: dActivated, gate: saved.gate, up: saved.up)  // now the gradients of both
    let dH = Tensor(unfilled: d.shape)
    gateUp.backward(dY: [saved.gate, saved.up], x: branch.halfInput(saved.branch, pass: pass), into: dH, pass: pass)
    branch.addInputGradient(dH, saved.branch, to: d, pass: pass)
  }

  private func activated(_ gate: Tensor, _ up: Tensor) -> Tensor {
    let out = Tensor(unfilled: gate.shape)
    activation.forward(gate: gate, up: up, into: out)
    return out
  }
}

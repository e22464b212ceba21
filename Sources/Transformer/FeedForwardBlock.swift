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
    let own: Own
  }

  struct Own {
    /// (T, F)
    let gate, up: Tensor
    /// What adapters made of the inputs of gate and up, and of down's.
    let gateUpInners: [Tensor?], downInner: Tensor?
  }

  /// - Parameter x: (T, D)
  /// - Returns: the residual stream, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass) -> (y: Tensor, Activations) {
    let (y, saved, own) = branch.forward(x, pass: pass) { h in
      let (projected, gateUpInners) = gateUp.forward(h, pass: pass)
      let (y, downInner) = down.forward(activated(projected[0], projected[1]), pass: pass)
      return (y, Own(gate: projected[0], up: projected[1], gateUpInners: gateUpInners, downInner: downInner))
    }
    return (y, Activations(branch: saved, own: own))
  }

  /// Turns the gradient of the output into that of the input, in place.
  /// - Parameters:
  ///   - d: (T, D)
  ///   - saved: consumed; its gate and up are overwritten.
  func backward(_ d: Tensor, _ saved: Activations, pass: Pass) {
    let own = saved.own
    let dActivated = Tensor(unfilled: own.gate.shape)
    down.backward(
      dY: branch.outputGradient(d, saved.branch, pass: pass), x: activated(own.gate, own.up), inner: own.downInner,
      into: dActivated, pass: pass)
    activation.backward(dOut: dActivated, gate: own.gate, up: own.up)  // now the gradients of both
    let dH = Tensor(unfilled: d.shape)
    gateUp.backward(
      dY: [own.gate, own.up], x: branch.halfInput(saved.branch, pass: pass), inners: own.gateUpInners, into: dH,
      pass: pass)
    branch.addInputGradient(dH, saved.branch, to: d, pass: pass)
  }

  private func activated(_ gate: Tensor, _ up: Tensor) -> Tensor {
    let out = Tensor(unfilled: gate.shape)
    activation.forward(gate: gate, up: up, into: out)
    return out
  }
}

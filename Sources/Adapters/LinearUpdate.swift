package import Tensor

/// A linear layer's product while an adapter is at work on it, under parameters that stay fixed for some
/// micro-batches: `y = x · Wᵀ + update(dropout(x))`, forward and backward.
///
/// Two forms serve both methods. As *two factors*, `ΔW = s · second · first`: LoRA's B·A, or RandLoRA's bases and
/// scaled bases. As a *delta weight*, ΔW itself, formed once and used by every token: cheaper for RandLoRA as soon
/// as an optimiser step has more than a few hundred tokens (`UpdatePlan`). ΔW is folded into the frozen weight and
/// costs no product of its own; what dropout drops is taken off again (`DroppedEntries`).
package final class LinearUpdate: Sendable {
  /// Which linear layer this is, as dropout is keyed by it.
  package let index: Int
  let form: Form

  enum Form: Sendable {
    case delta(DeltaWeight)
    case factors(TwoFactors)
  }

  init(index: Int, form: Form) {
    self.index = index
    self.form = form
  }

  /// The layer's product, frozen weight and update together.
  /// - Parameters:
  ///   - x: (T, in)
  ///   - weight: W (out, in)
  ///   - y: (T, out), overwritten.
  ///   - dropout: nil outside training.
  /// - Returns: what the first factor made of x, (T, inner), where `backward` wants it.
  package func forward(
    _ x: Tensor, through weight: Weight, into y: Tensor, rows: Rows, dropout: Dropout?
  ) -> Tensor? {
    switch form {
    case .delta(let delta):
      delta.forward(x, through: weight, into: y, tokens: rows.tokens, dropped: dropped(x, rows, dropout))
      return nil
    case .factors(let factors):
      return factors.forward(kept(x, rows, dropout), beside: x, through: weight, into: y, tokens: rows.tokens)
    }
  }

  /// Writes the gradient with respect to `x`, and keeps that of the parameters for `finish`.
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - x: (T, in), the same as in the forward pass; asked for only where it counts.
  ///   - inner: what `forward` returned.
  ///   - dX: (T, in), or nil when nothing below needs it.
  ///   - adding: whether to add to what `dX` holds.
  package func backward(
    dY: Tensor, x: @autoclosure () -> Tensor, inner: Tensor?, through weight: Weight, into dX: Tensor?, adding: Bool,
    rows: Rows, dropout: Dropout?
  ) {
    switch form {
    case .delta(let delta):
      let x = x()
      delta.backward(
        dY: dY, x: x, through: weight, into: dX, adding: adding, tokens: rows.tokens,
        dropped: dropped(x, rows, dropout))
    case .factors(let factors):
      let dU = factors.backward(
        dY: dY, x: kept(x(), rows, dropout), inner: inner, tokens: rows.tokens, inputGradient: dX != nil)
      guard let dX, let dU else { return }
      if let dropout {
        weight.backward(dY, into: dX, adding: adding, tokens: rows.tokens)
        let dKept = Tensor(unfilled: dX.shape)
        MatMul.multiply(dU, factors.first, into: Matrix(dKept, rows: rows.tokens, columns: weight.columns))
        dropout.backward(dKept, into: dX, rows: rows, module: index)
      } else {
        weight.backward(dY, and: LowRank(dU, times: factors.first), into: dX, adding: adding, tokens: rows.tokens)
      }
    }
  }

  private func dropped(_ x: Tensor, _ rows: Rows, _ dropout: Dropout?) -> DroppedEntries? {
    dropout?.dropped(rows, width: x.count / max(1, rows.tokens), module: index)
  }

  private func kept(_ x: Tensor, _ rows: Rows, _ dropout: Dropout?) -> Tensor {
    guard let dropout else { return x }
    let result = Tensor(unfilled: x.shape)
    dropout.forward(x, into: result, rows: rows, module: index)
    return result
  }
}

/// ΔW (out, in), or W + ΔW, as one matrix, with its gradient.
struct DeltaWeight: Sendable {
  let weight: Tensor
  /// The frozen weight W that `weight` includes, if any.
  let frozen: Weight?
  /// The gradient of ΔW, added up over the micro-batches of an optimiser step; nil outside training.
  let gradient: Tensor?

  /// - Precondition: without `frozen` where anything is dropped.
  func forward(_ x: Tensor, through layer: Weight, into y: Tensor, tokens T: Int, dropped: DroppedEntries?) {
    if frozen != nil {
      let w = Matrix(weight)
      MatMul.multiply(
        Matrix(x, rows: T, columns: w.columns), w.transposed, into: Matrix(y, rows: T, columns: w.rows))
    } else {
      layer.forward(x, plus: Weight.Delta(weight, factor: dropped?.scale ?? 1), into: y, tokens: T)
      dropped?.subtract(x, times: weight, from: y)
    }
  }

  func backward(
    dY: Tensor, x: Tensor, through layer: Weight, into dX: Tensor?, adding: Bool, tokens T: Int,
    dropped: DroppedEntries?
  ) {
    let w = Matrix(weight)
    if let gradient {
      MatMul.multiply(
        Matrix(dY, rows: T, columns: w.rows).transposed, Matrix(dropped?.kept(x) ?? x, rows: T, columns: w.columns),
        into: Matrix(gradient), adding: true)
    }
    guard let dX else { return }
    if frozen != nil {
      MatMul.multiply(
        Matrix(dY, rows: T, columns: w.rows), w, into: Matrix(dX, rows: T, columns: w.columns), adding: adding)
    } else {
      layer.backward(dY, plus: Weight.Delta(weight, factor: dropped?.scale ?? 1), into: dX, adding: adding, tokens: T)
      dropped?.subtractGradient(dY, times: weight, from: dX)
    }
  }
}

/// `ΔW = scaling · second · first` by its factors; a factor without a gradient is frozen.
struct TwoFactors: Sendable {
  let scaling: Float
  /// (inner, in)
  let first: Matrix
  /// (out, inner)
  let second: Matrix
  let firstGradient: Matrix?
  let secondGradient: Matrix?

  /// `y = x · Wᵀ + kept · ΔWᵀ`
  /// - Returns: `kept · firstᵀ`, (T, inner), when the gradient of `second` is made of it.
  func forward(_ kept: Tensor, beside x: Tensor, through weight: Weight, into y: Tensor, tokens T: Int) -> Tensor? {
    let u = Tensor(unfilled: [T, first.rows])
    MatMul.multiply(Matrix(kept, rows: T, columns: first.columns), first.transposed, into: Matrix(u))
    weight.forward(x, and: LowRank(Matrix(u), times: second.transposed, factor: scaling), into: y, tokens: T)
    return secondGradient == nil ? nil : u
  }

  /// Adds to the factors' gradients.
  /// - Parameters:
  ///   - x: what `forward` was given to multiply with `first`.
  ///   - inner: what it returned.
  /// - Returns: the gradient of `x · firstᵀ`, (T, inner), where it is needed: times `first` it is that of x.
  func backward(
    dY: Tensor, x: @autoclosure () -> Tensor, inner u: Tensor?, tokens T: Int, inputGradient: Bool
  ) -> Matrix? {
    let dY = Matrix(dY, rows: T, columns: second.rows)
    precondition((u == nil) == (secondGradient == nil))
    if let secondGradient, let u {
      MatMul.multiply(dY.transposed, Matrix(u), into: secondGradient, alpha: scaling, adding: true)
    }
    guard firstGradient != nil || inputGradient else { return nil }
    let dU = Matrix(Tensor(unfilled: [T, second.columns]))
    MatMul.multiply(dY, second, into: dU, alpha: scaling)
    if let firstGradient {
      MatMul.multiply(dU.transposed, Matrix(x(), rows: T, columns: first.columns), into: firstGradient, adding: true)
    }
    return dU
  }
}

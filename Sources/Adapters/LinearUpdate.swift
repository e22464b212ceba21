package import Tensor

/// What an adapter adds to one linear layer, under parameters that stay fixed for some micro-batches:
/// `y += update(dropout(x))`, forward and backward.
///
/// Two forms serve both methods. As *two factors*, `ΔW = s · second · first`: LoRA's B·A, or RandLoRA's bases and
/// scaled bases. As a *delta weight*, ΔW itself, formed once and used by every token: cheaper for RandLoRA as soon
/// as an optimiser step has more than a few hundred tokens (`UpdatePlan`). Without dropout both see the same input,
/// so ΔW is folded into the frozen weight and costs the forward pass nothing.
package final class LinearUpdate: Sendable {
  /// Which linear layer this is, as dropout is keyed by it.
  package let index: Int
  let form: Form

  /// Whether the update stands for the whole layer, its frozen weight included.
  package var includesWeight: Bool {
    if case .delta(let delta) = form { delta.frozen != nil } else { false }
  }

  enum Form: Sendable {
    case delta(DeltaWeight)
    case factors(TwoFactors)
  }

  init(index: Int, form: Form) {
    self.index = index
    self.form = form
  }

  /// Adds the update's output to `y`.
  /// - Parameters:
  ///   - x: (T, in)
  ///   - y: (T, out)
  ///   - dropout: nil outside training.
  package func forward(_ x: Tensor, into y: Tensor, rows: Rows, dropout: Dropout?) {
    let x = dropped(x, rows: rows, dropout: dropout)
    switch form {
    case .delta(let delta): delta.forward(x, into: y, tokens: rows.tokens)
    case .factors(let factors): factors.forward(x, into: y, tokens: rows.tokens)
    }
  }

  /// Adds the gradient with respect to `x` to `dX`, and keeps that of the parameters for `finish`.
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - x: (T, in), the same as in the forward pass.
  ///   - dX: (T, in), or nil when nothing below needs it.
  package func backward(dY: Tensor, x: Tensor, into dX: Tensor?, rows: Rows, dropout: Dropout?) {
    let kept = dropped(x, rows: rows, dropout: dropout)
    let target = dX.map { dropout == nil ? $0 : Tensor(shape: $0.shape) }
    switch form {
    case .delta(let delta): delta.backward(dY: dY, x: kept, into: target, tokens: rows.tokens)
    case .factors(let factors): factors.backward(dY: dY, x: kept, into: target, tokens: rows.tokens)
    }
    if let dropout, let target, let dX {
      dropout.backward(target, into: dX, rows: rows, module: index)
    }
  }

  private func dropped(_ x: Tensor, rows: Rows, dropout: Dropout?) -> Tensor {
    guard let dropout else { return x }
    let result = Tensor(shape: x.shape)
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

  func forward(_ x: Tensor, into y: Tensor, tokens T: Int) {
    let w = Matrix(weight)
    MatMul.multiply(
      Matrix(x, rows: T, columns: w.columns), w.transposed, into: Matrix(y, rows: T, columns: w.rows), beta: 1)
  }

  func backward(dY: Tensor, x: Tensor, into dX: Tensor?, tokens T: Int) {
    let w = Matrix(weight)
    let dY = Matrix(dY, rows: T, columns: w.rows)
    if let gradient {
      MatMul.multiply(dY.transposed, Matrix(x, rows: T, columns: w.columns), into: Matrix(gradient), beta: 1)
    }
    if let dX {
      MatMul.multiply(dY, w, into: Matrix(dX, rows: T, columns: w.columns), beta: 1)
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

  private func inner(_ x: Matrix) -> Matrix {
    let u = Tensor(x.rows, first.rows)
    MatMul.multiply(x, first.transposed, into: Matrix(u))
    return Matrix(u)
  }

  func forward(_ x: Tensor, into y: Tensor, tokens T: Int) {
    let u = inner(Matrix(x, rows: T, columns: first.columns))
    MatMul.multiply(
      u, second.transposed, into: Matrix(y, rows: T, columns: second.rows), alpha: scaling, beta: 1)
  }

  func backward(dY: Tensor, x: Tensor, into dX: Tensor?, tokens T: Int) {
    let x = Matrix(x, rows: T, columns: first.columns)
    let dY = Matrix(dY, rows: T, columns: second.rows)
    if let secondGradient {
      MatMul.multiply(dY.transposed, inner(x), into: secondGradient, alpha: scaling, beta: 1)
    }
    guard firstGradient != nil || dX != nil else { return }
    let dU = Matrix(Tensor(T, second.columns))
    MatMul.multiply(dY, second, into: dU, alpha: scaling)
    if let firstGradient { MatMul.multiply(dU.transposed, x, into: firstGradient, beta: 1) }
    if let dX { MatMul.multiply(dU, first, into: Matrix(dX, rows: T, columns: first.columns), beta: 1) }
  }
}

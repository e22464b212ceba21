import Adapters
import Tensor

/// What one forward (and backward) pass over a micro-batch shares among all layers.
struct Pass: Sendable {
  let rows: Rows
  /// Cosines and sines for the positions of `rows`, for each way in which a layer may rotate.
  let ropes: [RotaryEmbedding.Table]
  /// The adapter's update of each linear layer, by `Linear.slot`.
  let updates: [LinearUpdate?]
  /// Nil outside training.
  let dropout: Dropout?
}

/// A linear layer: a frozen weight, perhaps a bias, and whatever the adapter adds.
struct Linear: Sendable {
  /// Where the layer stands among all linear layers of the model.
  let slot: Int
  let weight: Weight
  /// The widths of what stands side by side in the output; their sum is `out`.
  let parts: [Int]
  /// (out)
  let bias: Tensor?

  /// - Parameter x: (T, in)
  /// - Returns: (T, out)
  func forward(_ x: Tensor, pass: Pass) -> Tensor {
    let T = pass.rows.tokens
    let y = Tensor(T, weight.rows)
    if let update = pass.updates[slot] {
      update.forward(x, through: weight, into: y, rows: pass.rows, dropout: pass.dropout)
    } else {
      weight.forward(x, into: y, tokens: T)
    }
    if let bias { y.add(bias: bias, tokens: T) }
    return y
  }

  /// Adds the gradient with respect to `x` to `dX`, and keeps that of the adapter's parameters.
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - x: (T, in), what the forward pass was given; asked for only when the layer is adapted.
  ///   - dX: (T, in), or nil when nothing below needs it.
  func backward(dY: Tensor, x: @autoclosure () -> Tensor, into dX: Tensor?, pass: Pass) {
    if let update = pass.updates[slot] {
      update.backward(dY: dY, x: x(), through: weight, into: dX, rows: pass.rows, dropout: pass.dropout)
    } else if let dX {
      weight.backward(dY, into: dX, tokens: pass.rows.tokens)
    }
  }

  /// Whether a backward pass has anything to do here.
  func needsBackward(inputGradient: Bool, pass: Pass) -> Bool {
    inputGradient || pass.updates[slot] != nil
  }
}

import Adapters
import Tensor

/// What one forward (and backward) pass over a micro-batch shares among all layers.
struct Pass: Sendable {
  let rows: Rows
  /// Cosines and sines for the positions of `rows`, for each way in which a layer may rotate.
  let ropes: [RotaryEmbedding.Table]
  /// The adapter's update of each linear layer, by `Linear.slot`.
  let updates: [LinearUpdate?]
  /// What an adapter puts in the place of the model's own tensors, by name.
  let copies: [String: TrainedCopy]
  /// Nil outside training.
  let dropout: Dropout?

  /// The same for some of the tokens alone.
  func picking(_ tokens: ArraySlice<Int>) -> Pass {
    Pass(rows: rows.picking(tokens), ropes: [], updates: updates, copies: copies, dropout: dropout)
  }
}

/// A linear layer: a frozen weight, perhaps a bias, and whatever the adapter adds or puts in their place.
struct Linear: Sendable {
  /// Where the layer stands among all linear layers of the model.
  let slot: Int
  let weight: Weight
  /// The widths of what stands side by side in the output; their sum is `out`.
  let parts: [Int]
  /// (out)
  let bias: Tensor?
  private let weightName, biasName: String

  /// - Parameter name: the module's.
  init(slot: Int, name: String, weight: Weight, parts: [Int], bias: Tensor?) {
    self.slot = slot
    self.weight = weight
    self.parts = parts
    self.bias = bias
    (weightName, biasName) = (name + ".weight", name + ".bias")
  }

  /// - Parameter x: (T, in)
  /// - Returns: (T, out), and what the adapter made of x on its way, (T, inner), where `backward` wants it.
  func forward(_ x: Tensor, pass: Pass) -> (y: Tensor, inner: Tensor?) {
    let T = pass.rows.tokens
    var inner: Tensor?
    let y = Tensor(unfilled: [T, weight.rows])
    if let copy = pass.copies[weightName] {
      MatMul.multiply(Matrix(x, rows: T, columns: weight.columns), Matrix(copy.value).transposed, into: Matrix(y))
    } else if let update = pass.updates[slot] {
      inner = update.forward(x, through: weight, into: y, rows: pass.rows, dropout: pass.dropout)
    } else {
      weight.forward(x, into: y, tokens: T)
    }
    if let bias = pass.copies[biasName]?.value ?? bias { y.add(bias: bias, tokens: T) }
    return (y, inner)
  }

  /// Writes the gradient with respect to `x`, and keeps that of what is trained.
  /// - Parameters:
  ///   - dY: (T, out)
  ///   - x: (T, in), what the forward pass was given; asked for only where it counts.
  ///   - inner: what the forward pass returned besides.
  ///   - dX: (T, in), or nil when nothing below needs it.
  ///   - adding: whether to add to what `dX` holds.
  func backward(
    dY: Tensor, x: @autoclosure () -> Tensor, inner: Tensor?, into dX: Tensor?, adding: Bool = false, pass: Pass
  ) {
    pass.copies[biasName]?.gradient?.addSum(ofRows: dY)
    if let copy = pass.copies[weightName] {
      backward(dY: dY, x: x(), into: dX, adding: adding, through: copy)
    } else if let update = pass.updates[slot] {
      update.backward(
        dY: dY, x: x(), inner: inner, through: weight, into: dX, adding: adding, rows: pass.rows, dropout: pass.dropout)
    } else if let dX {
      weight.backward(dY, into: dX, adding: adding, tokens: pass.rows.tokens)
    }
  }

  private func backward(dY: Tensor, x: Tensor, into dX: Tensor?, adding: Bool, through copy: TrainedCopy) {
    if let gradient = copy.gradient {
      MatMul.multiply(Matrix(dY).transposed, Matrix(x), into: Matrix(gradient), adding: true)
    }
    if let dX { MatMul.multiply(Matrix(dY), Matrix(copy.value), into: Matrix(dX), adding: adding) }
  }

  /// Whether a backward pass has anything to do here.
  func needsBackward(inputGradient: Bool, pass: Pass) -> Bool {
    inputGradient || pass.updates[slot] != nil || pass.copies[weightName] != nil || pass.copies[biasName] != nil
  }
}

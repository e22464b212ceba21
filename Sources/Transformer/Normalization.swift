import Adapters
import Tensor

/// What the backward pass of a norm needs: its input, (rows, width), and the reciprocal RMS of each row.
struct NormInput {
  let x: Tensor
  let rstd: Tensor
}

/// A norm of the model, or what the adapter trains in its place.
struct Norm: Sendable {
  private let weightName: String
  private let frozen: RMSNorm
  /// Whether the weight says how much the factors differ from one.
  private let addsOne: Bool

  /// - Parameters:
  ///   - name: the module's.
  ///   - weight: as it is stored.
  init(name: String, weight: Tensor, addsOne: Bool, epsilon: Float) {
    weightName = name + ".weight"
    self.addsOne = addsOne
    frozen = RMSNorm(weight: Self.factors(weight, addsOne: addsOne), epsilon: epsilon)
  }

  private static func factors(_ weight: Tensor, addsOne: Bool) -> Tensor {
    guard addsOne else { return weight }
    let factors = weight.duplicate()
    factors.add(1)
    return factors
  }

  private func norm(_ pass: Pass) -> RMSNorm {
    guard let copy = pass.copies[weightName] else { return frozen }
    return RMSNorm(weight: Self.factors(copy.value, addsOne: addsOne), epsilon: frozen.epsilon)
  }

  /// - Parameter x: rows as wide as the norm, whatever their number.
  /// - Returns: the normalised rows, in the shape of `x`.
  func forward(_ x: Tensor, pass: Pass) -> (y: Tensor, input: NormInput) {
    let rows = x.count / frozen.weight.count
    let y = Tensor(unfilled: x.shape), rstd = Tensor(unfilled: [rows])
    norm(pass).forward(x, into: y, rstd: rstd, tokens: rows)
    return (y, NormInput(x: x, rstd: rstd))
  }

  /// Adds the gradient with respect to the norm's input to `dX`, and keeps that of a trained weight.
  func backward(dY: Tensor, input: NormInput, into dX: Tensor, pass: Pass) {
    let norm = norm(pass), rows = input.rstd.count
    if let gradient = pass.copies[weightName]?.gradient {
      norm.weightGradient(dY: dY, x: input.x, rstd: input.rstd, into: gradient, tokens: rows)
    }
    norm.backward(dY: dY, x: input.x, rstd: input.rstd, into: dX, tokens: rows)
  }
}

/// A norm that some families have and others have not: without it, what comes in goes out.
struct OptionalNorm: Sendable {
  let norm: Norm?

  func forward(_ x: Tensor, pass: Pass) -> (y: Tensor, input: NormInput?) {
    norm?.forward(x, pass: pass) ?? (x, nil)
  }

  /// The gradient with respect to the norm's input.
  func backward(dY: Tensor, input: NormInput?, pass: Pass) -> Tensor {
    guard let norm, let input else { return dY }
    let dX = Tensor(shape: dY.shape)
    norm.backward(dY: dY, input: input, into: dX, pass: pass)
    return dX
  }
}

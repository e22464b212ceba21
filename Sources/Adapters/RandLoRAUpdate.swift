import Checkpoint
import Tensor

/// RandLoRA's update of one linear layer (Albert et al., ICLR 2025, arXiv 2502.00987; peft/tuners/randlora/layer.py).
///
/// With mn = min(out, in), mx = max(out, in), k = n·r: `D = s · B[:mx, :n] (mx, k) · scaled (k, mn)`, where `scaled`
/// are the rows of A under the trained λ and γ; ΔW is D when in ≤ out, else its transpose.
struct RandLoRAUpdate: Sendable {
  let form: LinearUpdate.Form
  private let module: Int
  private let scaledBases: ScaledBases
  private let scaling: Float
  private let a: Tensor
  /// B[:mx, :n] as (mx, k).
  private let b: Basis
  /// The scaled bases (k, mn) and their gradient, kept only where every token multiplies with them.
  private let kept: (scaled: Tensor, gradient: Tensor?)?
  /// Whether the scaled rows face the input.
  private let facesInput: Bool

  /// - Parameters:
  ///   - parts: of the bases, which modules of one shape share.
  ///   - frozen: the layer's own weight, to keep as one with ΔW; nil to keep them apart.
  init(
    _ adapter: Adapter, parts: BasisParts, module index: Int, plan: UpdatePlan, training: Bool, frozen: Weight?
  ) {
    let linear = adapter.layout.modules[index]
    let width = min(linear.outFeatures, linear.inFeatures)
    let rank = adapter.configuration.rank
    let n = linear.basesCount(rank: rank)
    let inner = n * rank
    module = index
    scaledBases = ScaledBases(rank: rank, bases: n, width: width)
    scaling = Float(adapter.configuration.scaling)
    a = parts.bases.a
    b = parts.basis(for: linear)
    facesInput = linear.scaledBasesFaceInput
    if plan.formsDelta(outFeatures: linear.outFeatures, inFeatures: linear.inFeatures, inner: inner) {
      let shape = [linear.outFeatures, linear.inFeatures]
      form = .delta(
        DeltaWeight(
          weight: Tensor(shape: shape), frozen: frozen, gradient: training ? Tensor(shape: shape) : nil))
      kept = nil
    } else {
      let scaled = Tensor(inner, width)
      let scaledGradient = training ? Tensor(inner, width) : nil
      kept = (scaled, scaledGradient)
      let trained = Matrix(scaled)
      let gradient = scaledGradient.map { Matrix($0) }
      form = .factors(
        facesInput
          ? TwoFactors(scaling: scaling, first: trained, second: b.dense, firstGradient: gradient, secondGradient: nil)
          : TwoFactors(
            scaling: scaling, first: b.dense.transposed, second: trained.transposed, firstGradient: nil,
            secondGradient: gradient?.transposed))
    }
  }

  /// Forms the scaled bases, and ΔW where the plan says so, from the current parameters; clears gradients.
  func refresh(_ adapter: Adapter) {
    let scaled = kept?.scaled ?? unfilledScaled
    scaledBases.forward(
      a: a, parameters: adapter.parameters, lambda: adapter.layout.entry(module: module, parameter: .lambda).offset,
      gamma: adapter.layout.entry(module: module, parameter: .gamma).offset, into: scaled)
    kept?.gradient?.fill(with: 0)
    if case .delta(let delta) = form {
      let target = Matrix(delta.weight)
      delta.frozen?.widen(into: delta.weight)
      b.multiply(
        Matrix(scaled), into: facesInput ? target : target.transposed, alpha: scaling,
        adding: delta.frozen != nil)
      delta.gradient?.fill(with: 0)
    }
  }

  /// Adds the gradients of λ and γ to the flat gradient.
  func project(_ adapter: Adapter, into gradient: Tensor) {
    let scaledGradient = kept?.gradient ?? unfilledScaled
    if case .delta(let delta) = form, let deltaGradient = delta.gradient {
      let dD = facesInput ? Matrix(deltaGradient) : Matrix(deltaGradient).transposed
      b.multiplyTransposed(dD, into: Matrix(scaledGradient), alpha: scaling)
    }
    scaledBases.backward(
      dScaled: scaledGradient, a: a, parameters: adapter.parameters,
      lambda: adapter.layout.entry(module: module, parameter: .lambda).offset,
      gamma: adapter.layout.entry(module: module, parameter: .gamma).offset, into: gradient)
  }

  /// Whether the room that forming ΔW takes is so little that every thread may have its own.
  var isSmall: Bool { Self.isSmall(scaledBases: scaledBases.rank * scaledBases.bases * scaledBases.width) }

  static func isSmall(scaledBases count: Int) -> Bool { count <= 1 << 19 }

  /// Room for the scaled bases or their gradient, (k, mn).
  private var unfilledScaled: Tensor { Tensor(unfilled: [scaledBases.rank * scaledBases.bases, scaledBases.width]) }
}

import Checkpoint
package import Tensor

/// ΔW of an adapter's modules, one after another: what layers of one shape share of the bases is formed once.
package final class DeltaWeights {
  private let adapter: Adapter
  /// Nil for LoRA.
  private let parts: BasisParts?

  package init(_ adapter: Adapter) {
    self.adapter = adapter
    parts = BasisParts(adapter, training: false)
  }

  /// ΔW (out, in) of one module.
  package func weight(ofModule index: Int) -> Tensor {
    if let parts {
      let update = RandLoRAUpdate(adapter, parts: parts, module: index, plan: .delta, training: false, frozen: nil)
      update.refresh(adapter)
      guard case .delta(let delta) = update.form else { preconditionFailure("planned as a delta weight") }
      return delta.weight
    }
    let module = adapter.layout.modules[index]
    let factors = adapter.lowRank(index, gradient: nil)
    let delta = Tensor(module.outFeatures, module.inFeatures)
    MatMul.multiply(factors.second, factors.first, into: Matrix(delta), alpha: factors.scaling)
    return delta
  }
}

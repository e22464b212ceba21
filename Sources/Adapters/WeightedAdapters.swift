package import Checkpoint
package import Failures
package import Tensor

/// Adapters of one base added up with weights, `ΔW = Σ w · ΔWᵢ`: what PEFT's `add_weighted_adapter` gives as "cat", for
/// adapters of any method and rank. A weight below zero takes an adapter away.
package struct WeightedAdapters {
  package struct Part {
    /// What messages call the adapter.
    let name: String
    package let adapter: Adapter
    package let weight: Double
    fileprivate let deltas: DeltaWeights

    package init(name: String, adapter: Adapter, weight: Double = 1) {
      (self.name, self.adapter, self.weight) = (name, adapter, weight)
      deltas = DeltaWeights(adapter)
    }
  }

  package let parts: [Part]
  /// The linear layers that any of them updates, in the model's order.
  package let modules: [LinearModule]
  /// The names of the model's tensors that one of them trains in full.
  package let trained: Set<String>

  /// - Parameter linear: all linear layers of the model, its output head included.
  /// - Throws: `Failure.badData` when an adapter trains a tensor in full that another changes too: their values do not
  ///   add up.
  package init(_ parts: [Part], among linear: [LinearModule]) throws(Failure) {
    self.parts = parts
    let updated = Set(parts.flatMap { $0.adapter.layout.modules.map(\.name) })
    modules = linear.filter { updated.contains($0.name) }
    trained = Set(parts.flatMap { $0.adapter.layout.trained.map(\.name) })
    for (index, part) in parts.enumerated() {
      for (other, rival) in parts.enumerated() where other != index {
        guard let tensor = part.adapter.layout.trained.first(where: { rival.adapter.changes($0.name) }) else { continue }
        throw Failure(
          .badData, "'\(part.name)' trains '\(tensor.name)' in full, and '\(rival.name)' changes it too: they do not add up",
          hint: "merge adapters whose modules_to_save and biases have nothing in common with the others")
      }
    }
  }

  /// `Σ w · ΔW` (out, in) of a linear layer; nil when none updates it.
  package func delta(of module: String) -> Tensor? {
    var sum: Tensor?
    for part in parts {
      guard let index = part.adapter.layout.modules.firstIndex(where: { $0.name == module }) else { continue }
      let delta = part.deltas.weight(ofModule: index)
      delta.scale(by: Float(part.weight))
      if let sum { sum.add(delta) } else { sum = delta }
    }
    return sum
  }

  /// The value of a tensor that one of them trains in full, moved from the base's by its weight; nil for others.
  package func trainedValue(of name: String, from base: Tensor) -> Tensor? {
    for part in parts {
      guard let value = part.adapter.trainedValue(of: name) else { continue }
      value.scale(by: Float(part.weight))
      base.scale(by: Float(1 - part.weight))
      value.add(base)
      return value
    }
    return nil
  }
}

extension Adapter {
  /// Whether it trains a tensor of the model in full or updates it.
  fileprivate func changes(_ tensor: String) -> Bool {
    layout.trained.contains { $0.name == tensor } || layout.modules.contains { $0.name + ".weight" == tensor }
  }
}

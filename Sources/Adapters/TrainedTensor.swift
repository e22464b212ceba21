import Checkpoint
import Failures
package import Tensor

/// One of the model's own tensors that is trained in full beside an adapter's updates.
package struct TrainedTensor: Sendable, Equatable {
  /// The tensor's name in the model: `model.norm.weight`.
  package let name: String
  /// PEFT's name without `base_model.model.`: that of the module, and for the bias of an adapted one `base_layer` after it.
  let fileName: String
  let shape: [Int]
}

/// Which biases are trained, in PEFT's terms.
package enum TrainedBiases: String, Sendable, CaseIterable {
  case none
  /// Those of every linear layer.
  case all
  /// `lora_only`, `randlora_only`: those of the adapted layers.
  case adapted
}

extension AdapterConfiguration {
  /// The tensors that `bias` and `modules_to_save` choose, in the model's order.
  ///
  /// An entry of `modules_to_save` stands for every module whose name ends with it, and all tensors under that module.
  /// - Parameters:
  ///   - tensors: all that the model has.
  ///   - adapted: the modules that the adapter updates.
  func trainedTensors(
    from tensors: [(name: String, shape: [Int])], adapted: [LinearModule]
  ) throws(Failure) -> [TrainedTensor] {
    let updated = Set(adapted.map(\.name))
    var unused = Set(modulesToSave)
    var chosen: [TrainedTensor] = []
    for (name, shape) in tensors {
      let (module, kind) = Self.split(name)
      let entries = modulesToSave.filter { Self.isSaved(module, by: $0) }
      unused.subtract(entries)
      let isBias = kind == "bias" && (bias == .all || bias == .adapted && updated.contains(module))
      guard !entries.isEmpty || isBias else { continue }
      if let entry = entries.first, updated.contains(module) {
        throw Failure(
          .usage, "modules_to_save: '\(entry)' means \(module) too, which the adapter updates already",
          hint: "leave it out of the target modules or of modules_to_save")
      }
      let fileName = updated.contains(module) ? "\(module).base_layer.\(kind)" : name
      chosen.append(TrainedTensor(name: name, fileName: fileName, shape: shape))
    }
    if let entry = modulesToSave.first(where: unused.contains) {
      throw Failure(
        .usage, "modules_to_save: no module's name ends with '\(entry)'",
        hint: "write for example embed_tokens, lm_head or norm")
    }
    return chosen
  }

  /// A tensor's name as that of its module and `weight` or `bias`.
  private static func split(_ name: String) -> (module: String, kind: String) {
    let parts = name.split(separator: ".")
    return (parts.dropLast().joined(separator: "."), String(parts.last ?? ""))
  }

  /// Whether the name of a module, or of one that contains it, ends with an entry.
  private static func isSaved(_ module: String, by entry: String) -> Bool {
    var path = ""
    for part in module.split(separator: ".") {
      path += path.isEmpty ? String(part) : ".\(part)"
      if path.hasSuffix(entry) { return true }
    }
    return false
  }
}

/// A trained tensor at work: its present value and, in training, its gradient.
package struct TrainedCopy: Sendable {
  package let value: Tensor
  /// Added up over the micro-batches of an optimiser step.
  package let gradient: Tensor?
  /// Where it lies in the adapter's flat tensor.
  let offset: Int
}

extension Adapter {
  /// The present value of a tensor of the model that is trained in full; nil for others.
  package func trainedValue(of name: String) -> Tensor? {
    guard let index = layout.trained.firstIndex(where: { $0.name == name }) else { return nil }
    return layout.tensor(layout.trainedEntries[layout.trainedEntries.startIndex + index], in: parameters)
  }

  /// Room for all trained tensors, by their names in the model.
  func trainedCopies(training: Bool) -> [String: TrainedCopy] {
    var copies: [String: TrainedCopy] = [:]
    for (tensor, entry) in zip(layout.trained, layout.trainedEntries) {
      copies[tensor.name] = TrainedCopy(
        value: Tensor(shape: entry.shape), gradient: training ? Tensor(shape: entry.shape) : nil,
        offset: entry.offset)
    }
    return copies
  }
}

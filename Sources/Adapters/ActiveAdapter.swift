package import Checkpoint
package import Tensor

/// An adapter at work: one update a module, under parameters that change only between `refresh` calls.
package final class ActiveAdapter: Sendable {
  package let adapter: Adapter
  /// The gradient of the flat parameters; nil outside training.
  package let gradient: Tensor?
  package let updates: [LinearUpdate]
  /// The tensors of the model that the adapter replaces, by name.
  package let copies: [String: TrainedCopy]
  /// Small updates are formed side by side, each by one thread, and large ones in turn, each by all of them.
  private let small, large: [RandLoRAUpdate]

  /// - Parameters:
  ///   - plan: how many tokens will share one set of parameters.
  ///   - training: whether gradients are wanted.
  ///   - frozen: the weight of a module, to be kept as one with its update; it goes unused in training with dropout.
  package init(
    _ adapter: Adapter, plan: UpdatePlan, training: Bool, frozen: ((LinearModule) -> Weight)? = nil
  ) {
    self.adapter = adapter
    let gradient = training ? Tensor(adapter.parameters.count) : nil
    self.gradient = gradient
    var updates: [LinearUpdate] = []
    var refreshers: [RandLoRAUpdate] = []
    let parts = BasisParts(adapter, training: training)
    let folds = !training || adapter.configuration.dropout == 0
    for (index, module) in adapter.layout.modules.enumerated() {
      if let parts {
        let update = RandLoRAUpdate(
          adapter, parts: parts, module: index, plan: plan, training: training, frozen: folds ? frozen?(module) : nil)
        updates.append(LinearUpdate(index: index, form: update.form))
        refreshers.append(update)
      } else {
        updates.append(LinearUpdate(index: index, form: .factors(adapter.lowRank(index, gradient: gradient))))
      }
    }
    self.updates = updates
    copies = adapter.trainedCopies(training: training)
    small = refreshers.filter(\.isSmall)
    large = refreshers.filter { !$0.isSmall }
    refresh()
  }

  /// Takes up changed parameters and starts new gradients from zero.
  package func refresh() {
    gradient?.fill(with: 0)
    forEachUpdate { $0.refresh(adapter) }
    for copy in copies.values {
      copy.value.copy(from: adapter.parameters, at: copy.offset)
      copy.gradient?.fill(with: 0)
    }
  }

  /// The gradient of all parameters over the micro-batches since `refresh`.
  package func finishGradient() -> Tensor? {
    guard let gradient else { return nil }
    forEachUpdate { $0.project(adapter, into: gradient) }
    for copy in copies.values { if let own = copy.gradient { gradient.add(own, at: copy.offset) } }
    return gradient
  }

  private func forEachUpdate(_ body: @Sendable (RandLoRAUpdate) -> Void) {
    Parallel.forEach(small.count) { body(small[$0]) }
    large.forEach(body)
  }
}

extension Adapter {
  /// LoRA's B · A, read from (and their gradient written to) the flat parameters.
  func lowRank(_ index: Int, gradient: Tensor?) -> TwoFactors {
    let module = layout.modules[index]
    let rank = layout.ranks[index]
    let a = layout.entry(module: index, parameter: .a).offset
    let b = layout.entry(module: index, parameter: .b).offset
    func first(_ tensor: Tensor) -> Matrix {
      Matrix(tensor, offset: a, rows: rank, columns: module.inFeatures)
    }
    func second(_ tensor: Tensor) -> Matrix {
      Matrix(tensor, offset: b, rows: module.outFeatures, columns: rank)
    }
    return TwoFactors(
      scaling: Float(layout.scalings[index]), first: first(parameters), second: second(parameters),
      firstGradient: gradient.map(first), secondGradient: gradient.map(second))
  }
}

import Adapters
import Checkpoint

/// The multiplications that optimiser steps need, by formula: what a perfect implementation cannot leave out.
struct StepCost {
  /// Frozen products of the decoder layers, forward and for the gradient of their inputs.
  var frozenForward = 0.0
  var frozenBackward = 0.0
  /// Scores and their use, forward and backward, below the diagonal only.
  var attention = 0.0
  /// Logits where something is predicted, forward and backward.
  var head = 0.0
  /// What the adapter multiplies every token with: one product for ΔW's gradient or, where forming ΔW would take more,
  /// those with both factors.
  var update = 0.0
  /// Forming ΔW and projecting its gradient, once a step (RandLoRA).
  var form = 0.0

  var total: Double { frozenForward + frozenBackward + attention + head + update + form }

  /// - Parameters:
  ///   - lengths: of the rows of all steps; every token but a row's first is predicted.
  init(
    _ model: ModelConfiguration, layout: AdapterLayout, configuration: AdapterConfiguration, lengths: [Int], steps: Int
  ) {
    let tokens = Double(lengths.reduce(0, +))
    let targets = tokens - Double(lengths.count)
    let pairs = lengths.reduce(0.0) { $0 + Double($1) * Double($1 + 1) / 2 }
    let width = Double(model.headCount * model.headWidth)
    let modules = model.linearModules
    let adapted = Set(layout.modules.map(\.name))
    let lowest = modules.firstIndex { adapted.contains($0.name) } ?? modules.count
    let perLayer = modules.count / model.layerCount
    for (index, module) in modules.enumerated() {
      let size = Double(module.outFeatures) * Double(module.inFeatures)
      frozenForward += tokens * size
      // What the lowest adapted module reads needs no gradient, nor does anything before it.
      if Self.stage(of: index, model) > Self.stage(of: lowest, model) { frozenBackward += tokens * size }
    }
    attention = pairs * width * (2 * Double(model.layerCount) + 4 * Double(model.layerCount - lowest / perLayer))
    head = 2 * targets * Double(model.vocabularySize) * Double(model.width)
    let plan = UpdatePlan(tokens: Int(tokens) / max(1, steps))
    for module in layout.modules {
      let size = Double(module.outFeatures) * Double(module.inFeatures)
      let narrow = Double(min(module.outFeatures, module.inFeatures))
      switch configuration.method {
      case .randlora
      where plan.formsDelta(
        outFeatures: module.outFeatures, inFeatures: module.inFeatures, inner: Int(narrow)):
        update += tokens * size
        form += 2 * narrow * size * Double(steps)
      case .randlora:
        update += tokens * narrow
          * Double(UpdatePlan.factorWidth(outFeatures: module.outFeatures, inFeatures: module.inFeatures))
      case .lora:
        update += 3 * tokens * Double(configuration.rank * (module.outFeatures + module.inFeatures))
      }
    }
  }

  /// The place of a module's input in the order of computation: modules that read the same input share it.
  private static func stage(of module: Int, _ model: ModelConfiguration) -> Int {
    let names = model.family.modules
    let (projections, gates) = (names.queryKeyValue.count, names.gateUp.count)
    let (layer, position) = module.quotientAndRemainder(dividingBy: projections + gates + 2)
    let ends = [projections, projections + 1, projections + 1 + gates]
    return 4 * layer + ends.count { $0 <= position }
  }
}

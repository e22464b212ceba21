import Checkpoint
import Failures
import Tensor

/// Finds a layer's pieces in the weight files.
struct LayerSource {
  let configuration: ModelConfiguration
  let weights: WeightFiles
  let linearModules: [LinearModule]
  let slots: [String: Int]
  /// For each layer the table of a pass that rotates its queries and keys.
  let ropes: [Int?]

  func norm(_ name: String, width: Int) throws(Failure) -> Norm {
    let weight = try weights.weight(name + ".weight", shape: [width]).floats()
    return Norm(
      name: name, weight: weight, addsOne: configuration.family.norms.addsOne,
      epsilon: Float(configuration.normEpsilon))
  }

  func branch(_ prefix: String, input: String?, output: String?) throws(Failure) -> ResidualBranch {
    ResidualBranch(
      inputNorm: try optionalNorm(prefix, input, width: configuration.width),
      outputNorm: try optionalNorm(prefix, output, width: configuration.width),
      scale: Float(configuration.residualMultiplier))
  }

  /// - Parameter name: nil when the family has no such norm.
  func optionalNorm(_ prefix: String, _ name: String?, width: Int) throws(Failure) -> OptionalNorm {
    guard let name else { return OptionalNorm(norm: nil) }
    return OptionalNorm(norm: try norm(prefix + name, width: width))
  }

  func projections(_ prefix: String, _ names: [String]) throws(Failure) -> Projections {
    var linears: [Linear] = []
    for name in names { linears.append(try linear(prefix + name)) }
    return Projections(linears: linears)
  }

  /// - Parameter tied: the layer's weight where it has no tensor of its own.
  func linear(_ name: String, tied: Weight? = nil) throws(Failure) -> Linear {
    guard let slot = slots[name] else { preconditionFailure("no linear layer '\(name)'") }
    let layer = linearModules[slot]
    let weight: Weight
    if let tied {
      weight = tied
    } else {
      weight = try weights.matrix(name + ".weight", shape: [layer.outFeatures, layer.inFeatures])
    }
    return Linear(
      slot: slot, name: name, weight: weight, parts: layer.parts,
      bias: layer.hasBias ? try weights.weight(name + ".bias", shape: [layer.outFeatures]).floats() : nil)
  }
}

extension DecoderLayer {
  init(_ source: LayerSource, index: Int) throws(Failure) {
    let prefix = "model.layers.\(index)."
    attention = try AttentionBlock(source, prefix: prefix, index: index)
    feedForward = try FeedForwardBlock(source, prefix: prefix)
  }
}

extension AttentionBlock {
  init(_ source: LayerSource, prefix: String, index: Int) throws(Failure) {
    let configuration = source.configuration, norms = configuration.family.norms
    let modules = configuration.family.modules
    self.init(
      branch: try source.branch(prefix, input: norms.attentionInput, output: norms.attentionOutput),
      queryKeyValue: try source.projections(prefix, modules.queryKeyValue),
      output: try source.linear(prefix + modules.attentionOutput),
      queryNorm: try source.optionalNorm(prefix, norms.query, width: configuration.queryNormWidth),
      keyNorm: try source.optionalNorm(prefix, norms.key, width: configuration.keyNormWidth),
      rope: source.ropes[index],
      attention: Attention(
        heads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount,
        headDimension: configuration.headWidth, window: configuration.windows[index],
        scale: Float(configuration.attentionScale),
        softCap: configuration.attentionSoftCap.map { SoftCap(cap: Float($0)) }))
  }
}

extension FeedForwardBlock {
  init(_ source: LayerSource, prefix: String) throws(Failure) {
    let family = source.configuration.family
    self.init(
      branch: try source.branch(
        prefix, input: family.norms.feedForwardInput, output: family.norms.feedForwardOutput),
      gateUp: try source.projections(prefix, family.modules.gateUp),
      activation: GatedActivation(family.activation),
      down: try source.linear(prefix + family.modules.down))
  }
}

extension GatedActivation {
  fileprivate init(_ activation: ModelFamily.Activation) {
    switch activation {
    case .silu: self = .silu
    case .geluTanh: self = .geluTanh
    }
  }
}

import Checkpoint
import Failures
import Tensor

/// Finds a layer's pieces in the weight files.
struct LayerSource {
  let configuration: ModelConfiguration
  let weights: WeightFiles
  let linearModules: [LinearModule]
  let slots: [String: Int]

  func norm(_ name: String, width: Int) throws(Failure) -> RMSNorm {
    let weight = try weights.weight(name + ".weight", shape: [width])
    return RMSNorm(weight: weight.floats(), epsilon: Float(configuration.normEpsilon))
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

  func linear(_ name: String) throws(Failure) -> Linear {
    guard let slot = slots[name] else { preconditionFailure("no linear layer '\(name)'") }
    let layer = linearModules[slot]
    let shape = [layer.outFeatures, layer.inFeatures]
    return Linear(
      slot: slot, weight: Weight(try weights.weight(name + ".weight", shape: shape)),
      parts: layer.parts,
      bias: layer.hasBias ? try weights.weight(name + ".bias", shape: [layer.outFeatures]).floats() : nil)
  }
}

extension DecoderLayer {
  init(_ source: LayerSource, index: Int, rope: RotaryEmbedding) throws(Failure) {
    let prefix = "model.layers.\(index)."
    attention = try AttentionBlock(
      source, prefix: prefix, window: source.configuration.windows[index], rope: rope)
    feedForward = try FeedForwardBlock(source, prefix: prefix)
  }
}

extension AttentionBlock {
  init(_ source: LayerSource, prefix: String, window: Int?, rope: RotaryEmbedding) throws(Failure) {
    let configuration = source.configuration, norms = configuration.family.norms
    let modules = configuration.family.modules
    self.init(
      inputNorm: try source.norm(prefix + norms.attentionInput, width: configuration.width),
      queryKeyValue: try source.projections(prefix, modules.queryKeyValue),
      output: try source.linear(prefix + modules.attentionOutput),
      queryNorm: try source.optionalNorm(prefix, norms.query, width: configuration.headWidth),
      keyNorm: try source.optionalNorm(prefix, norms.key, width: configuration.headWidth),
      rope: rope,
      attention: Attention(
        heads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount,
        headDimension: configuration.headWidth, window: window))
  }
}

extension FeedForwardBlock {
  init(_ source: LayerSource, prefix: String) throws(Failure) {
    let configuration = source.configuration, modules = configuration.family.modules
    self.init(
      inputNorm: try source.norm(
        prefix + configuration.family.norms.feedForwardInput, width: configuration.width),
      gateUp: try source.projections(prefix, modules.gateUp),
      down: try source.linear(prefix + modules.down))
  }
}

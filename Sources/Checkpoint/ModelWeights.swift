extension ModelConfiguration {
  /// The linear layers inside the decoder layers, in the model's order. The output head is not among them.
  package var linearModules: [LinearModule] {
    let (query, keyValue) = (headCount * headWidth, keyValueHeadCount * headWidth)
    return (0..<layerCount).flatMap { index in
      func module(_ name: String, _ outFeatures: Int, _ inFeatures: Int, _ hasBias: Bool) -> LinearModule {
        LinearModule(
          name: "model.layers.\(index).\(name)", outFeatures: outFeatures, inFeatures: inFeatures,
          hasBias: hasBias)
      }
      return [
        module("self_attn.q_proj", query, width, hasQueryKeyValueBias),
        module("self_attn.k_proj", keyValue, width, hasQueryKeyValueBias),
        module("self_attn.v_proj", keyValue, width, hasQueryKeyValueBias),
        module("self_attn.o_proj", width, query, hasAttentionOutputBias),
        module("mlp.gate_proj", feedForwardWidth, width, hasFeedForwardBias),
        module("mlp.up_proj", feedForwardWidth, width, hasFeedForwardBias),
        module("mlp.down_proj", width, feedForwardWidth, hasFeedForwardBias),
      ]
    }
  }

  /// The norms of a layer that the family has, by module name, with the width of what each normalises.
  private var layerNorms: [(name: String, width: Int)] {
    let norms = family.norms
    return [
      (norms.attentionInput, width), (norms.query, headWidth), (norms.key, headWidth),
      (norms.feedForwardInput, width),
    ].compactMap { name, width in name.map { ($0, width) } }
  }

  /// Every tensor that the weight files must hold, with its shape. A tied output head has no tensor of its own.
  package var weightShapes: [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = [("model.embed_tokens.weight", [vocabularySize, width])]
    for index in 0..<layerCount {
      for norm in layerNorms { shapes.append(("model.layers.\(index).\(norm.name).weight", [norm.width])) }
    }
    for module in linearModules {
      shapes.append((module.name + ".weight", [module.outFeatures, module.inFeatures]))
      if module.hasBias { shapes.append((module.name + ".bias", [module.outFeatures])) }
    }
    shapes.append(("model.norm.weight", [width]))
    if !tiesEmbeddings { shapes.append(("lm_head.weight", [vocabularySize, width])) }
    return shapes
  }

  /// The number of weights; a tied head counts once.
  package var parameterCount: Int {
    weightShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }
}

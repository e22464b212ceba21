extension ModelConfiguration {
  /// The linear layers inside the decoder layers, in the model's order. The output head is not among them.
  package var linearModules: [LinearModule] {
    let (query, keyValue) = (headCount * headWidth, keyValueHeadCount * headWidth)
    let names = family.modules
    return (0..<layerCount).flatMap { index in
      func modules(_ names: [String], _ parts: [Int], _ inFeatures: Int, _ hasBias: Bool) -> [LinearModule] {
        let shares = names.count == parts.count ? parts.map { [$0] } : [parts]
        return zip(names, shares).map { name, share in
          LinearModule(
            name: "model.layers.\(index).\(name)", parts: share, inFeatures: inFeatures, hasBias: hasBias)
        }
      }
      return modules(names.queryKeyValue, [query, keyValue, keyValue], width, hasQueryKeyValueBias)
        + modules([names.attentionOutput], [width], query, hasAttentionOutputBias)
        + modules(names.gateUp, [feedForwardWidth, feedForwardWidth], width, hasFeedForwardBias)
        + modules([names.down], [width], feedForwardWidth, hasFeedForwardBias)
    }
  }

  /// The projection to the vocabulary; a tied one has the embedding's weight.
  package var outputHead: LinearModule {
    LinearModule(name: LinearModule.outputHeadName, outFeatures: vocabularySize, inFeatures: width)
  }

  /// Every linear layer that an adapter can change, in the model's order.
  package var adaptableModules: [LinearModule] { linearModules + [outputHead] }

  /// What the norm of queries normalises at a time: a head, or all heads.
  package var queryNormWidth: Int { family.norms.areHeadwise ? headWidth : headCount * headWidth }
  /// What the norm of keys normalises at a time: a head, or all heads.
  package var keyNormWidth: Int { family.norms.areHeadwise ? headWidth : keyValueHeadCount * headWidth }

  /// The norms of a layer that the family has, by module name, with the width of what each normalises.
  private var layerNorms: [(name: String, width: Int)] {
    let norms = family.norms
    return [
      (norms.attentionInput, width), (norms.query, queryNormWidth), (norms.key, keyNormWidth),
      (norms.attentionOutput, width), (norms.feedForwardInput, width), (norms.feedForwardOutput, width),
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

  /// Every tensor that can be trained in full: those of the weight files, and a tied output head apart from the embedding.
  package var trainableTensors: [(name: String, shape: [Int])] {
    weightShapes + (tiesEmbeddings ? [("lm_head.weight", [vocabularySize, width])] : [])
  }

  /// The weights of the linear layers, with the output head's where it has one of its own: what may be quantized.
  package var linearWeights: [(name: String, shape: [Int])] {
    let layers = linearModules.map { (name: $0.name + ".weight", shape: [$0.outFeatures, $0.inFeatures]) }
    return tiesEmbeddings ? layers : layers + [("lm_head.weight", [vocabularySize, width])]
  }

  /// The number of weights; a tied head counts once.
  package var parameterCount: Int {
    weightShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }
}

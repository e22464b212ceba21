extension ModelFamily {
  /// Gemma 2 (transformers/models/gemma2).
  package static let gemma2 = ModelFamily(
    modelType: "gemma2", architecture: "Gemma2ForCausalLM", contextLength: 8192, keyValueHeadCount: 4, headWidth: 256,
    tokens: Tokens(bos: 2, eos: 1, pad: 0), tiesEmbeddings: true, windows: .alternating(pattern: 2, default: 4096),
    scalars: [
      FamilyScalar(.queryScale, absent: 256), FamilyScalar(.attentionSoftCap, absent: 50),
      FamilyScalar(.logitSoftCap, absent: 30),
    ],
    biasFields: ["attention_bias"], activation: .geluTanh, scalesEmbeddings: true, norms: .gemma(),
    gguf: GGUFArchitecture(
      name: "gemma2", scalings: [.linear], head: .tied, windowPattern: 2, layersOfOtherScale: 46))
}

extension LayerNorms {
  /// Before and after both halves of a layer.
  static func gemma(query: String? = nil, key: String? = nil) -> LayerNorms {
    LayerNorms(
      query: query, key: key, attentionOutput: "post_attention_layernorm",
      feedForwardInput: "pre_feedforward_layernorm", feedForwardOutput: "post_feedforward_layernorm", addsOne: true)
  }
}

extension ModelFamily {
  /// Gemma 3, the models that read text only (transformers/models/gemma3).
  package static let gemma3 = ModelFamily(
    modelType: "gemma3_text", architecture: "Gemma3ForCausalLM", contextLength: 131_072, keyValueHeadCount: 4,
    headWidth: 256, tokens: Tokens(bos: 2, eos: 1, pad: 0), tiesEmbeddings: true,
    windows: .alternating(pattern: 6, default: 4096), rotation: Rotation(theta: 1_000_000, localTheta: 10_000),
    scalars: [FamilyScalar(.queryScale, absent: 256), FamilyScalar(.logitSoftCap, absent: nil)],
    biasFields: ["attention_bias"], activation: .geluTanh, scalesEmbeddings: true,
    norms: .gemma(query: "self_attn.q_norm", key: "self_attn.k_norm"),
    gguf: GGUFArchitecture(name: "gemma3", scalings: [.linear], windowPattern: 6, layersOfOtherScale: 62))
}

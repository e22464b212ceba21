extension ModelFamily {
  /// Qwen 3, the dense models (transformers/models/qwen3).
  package static let qwen3 = ModelFamily(
    modelType: "qwen3", architecture: "Qwen3ForCausalLM", contextLength: 32_768, keyValueHeadCount: 32,
    headWidth: 128, windows: .onRequest(default: 4096), biasFields: ["attention_bias"],
    norms: LayerNorms(query: "self_attn.q_norm", key: "self_attn.k_norm"), gguf: GGUFArchitecture(name: "qwen3"))
}

extension ModelFamily {
  /// OLMo 2, which normalises what the halves of a layer return and not what they read (transformers/models/olmo2).
  package static let olmo2 = ModelFamily(
    modelType: "olmo2", architecture: "Olmo2ForCausalLM", contextLength: 2048, normEpsilon: 1e-5,
    tokens: Tokens(eos: 50_279, pad: 1), biasFields: ["attention_bias"],
    norms: LayerNorms(
      attentionInput: nil, query: "self_attn.q_norm", key: "self_attn.k_norm", areHeadwise: false,
      attentionOutput: "post_attention_layernorm", feedForwardInput: nil,
      feedForwardOutput: "post_feedforward_layernorm"),
    gguf: GGUFArchitecture(name: "olmo2", takesHeadWidth: false, head: .own))
}

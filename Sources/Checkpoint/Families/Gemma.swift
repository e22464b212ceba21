extension ModelFamily {
  /// Gemma, the first generation, and CodeGemma (transformers/models/gemma). Its releases say "gelu" and mean the
  /// approximation by tanh, as transformers takes it too.
  package static let gemma = ModelFamily(
    modelType: "gemma", architecture: "GemmaForCausalLM", contextLength: 8192, keyValueHeadCount: 16, headWidth: 256,
    tokens: Tokens(bos: 2, eos: 1, pad: 0), tiesEmbeddings: true, biasFields: ["attention_bias"], activation: .geluTanh,
    activationAliases: ["gelu"], scalesEmbeddings: true, norms: LayerNorms(addsOne: true),
    gguf: GGUFArchitecture(name: "gemma", scalings: [.linear], head: .tied))
}

extension ModelFamily {
  /// Llama 1 to 3.3 and models of their kind, such as SmolLM2 and TinyLlama (transformers/models/llama).
  package static let llama = ModelFamily(
    modelType: "llama", architecture: "LlamaForCausalLM", contextLength: 2048, tokens: Tokens(bos: 1, eos: 2),
    biasFields: ["attention_bias", "mlp_bias"],
    gguf: GGUFArchitecture(
      name: "llama", rotatesNeighbours: true, scalings: [.linear, .llama3, .yarn], takesBiases: true))
}

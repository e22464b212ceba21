extension ModelFamily {
  /// Mistral 7B and its successors (transformers/models/mistral).
  package static let mistral = ModelFamily(
    modelType: "mistral", architecture: "MistralForCausalLM", contextLength: 131_072, keyValueHeadCount: 8,
    tokens: Tokens(bos: 1, eos: 2), windows: .everyLayer(default: 4096),
    gguf: GGUFArchitecture(name: "llama", rotatesNeighbours: true, scalings: [.linear, .llama3, .yarn], takesBiases: true))
}

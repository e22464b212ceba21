extension ModelFamily {
  /// SmolLM3, some of whose layers are not told positions (transformers/models/smollm3).
  package static let smolLM3 = ModelFamily(
    modelType: "smollm3", architecture: "SmolLM3ForCausalLM", contextLength: 32_768, keyValueHeadCount: 4,
    tokens: Tokens(bos: 128_000, eos: 128_001, pad: 128_004), tiesEmbeddings: true,
    windows: .unrotatedLayersOnRequest, rotation: Rotation(theta: 2_000_000, unrotatedInterval: 4),
    biasFields: ["attention_bias", "mlp_bias"], gguf: GGUFArchitecture(name: "smollm3", rotatesNeighbours: true))
}

extension ModelFamily {
  /// Granite 3, the dense models: a Llama with four multipliers (transformers/models/granite).
  package static let granite = ModelFamily(
    modelType: "granite", architecture: "GraniteForCausalLM", contextLength: 2048, tokens: Tokens(bos: 1, eos: 2),
    scalars: [
      FamilyScalar(.embeddingMultiplier, absent: 1), FamilyScalar(.residualMultiplier, absent: 1),
      FamilyScalar(.attentionMultiplier, absent: 1), FamilyScalar(.logitDivisor, absent: 1),
    ],
    biasFields: ["attention_bias", "mlp_bias"],
    gguf: GGUFArchitecture(
      name: "granite", rotatesNeighbours: true, scalings: [.linear, .llama3, .yarn], takesBiases: true))
}

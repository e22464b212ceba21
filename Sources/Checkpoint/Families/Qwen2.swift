extension ModelFamily {
  /// Qwen 2 and 2.5 (transformers/models/qwen2).
  package static let qwen2 = ModelFamily(
    modelType: "qwen2", architecture: "Qwen2ForCausalLM", contextLength: 32_768, keyValueHeadCount: 32,
    windows: .onRequest(default: 4096), hasQueryKeyValueBias: true,
    gguf: GGUFArchitecture(name: "qwen2", takesHeadWidth: false))
}

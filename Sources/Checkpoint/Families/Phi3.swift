extension ModelFamily {
  /// Phi-3, 3.5 and 4-mini, whose projections are fused (transformers/models/phi3).
  package static let phi3 = ModelFamily(
    modelType: "phi3", architecture: "Phi3ForCausalLM", contextLength: 4096, normEpsilon: 1e-5,
    tokens: Tokens(bos: 1, eos: 32_000, pad: 32_000), windows: .everyLayer(default: nil),
    rotation: Rotation(mayBePartial: true, typeAliases: ["su": "longrope", "yarn": "longrope"]),
    modules: LayerModules(queryKeyValue: ["self_attn.qkv_proj"], gateUp: ["mlp.gate_up_proj"]),
    gguf: GGUFArchitecture(name: "phi3", scalings: [.longrope], takesHeadWidth: false))
}

import Checkpoint
import Failures
import JSON
import Tensor
import TestSupport
import Testing

private func configuration(_ type: String, _ changes: [(String, JSON)] = []) throws -> ModelConfiguration {
  var object: JSONObject = [
    "model_type": .string(type), "vocab_size": 100, "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 4,
  ]
  for (key, value) in changes { object[key] = value }
  return try ModelConfiguration(try JSONDocument(JSON.object(object).text(), source: "config.json").cursor)
}

private func message(
  _ type: String, _ changes: [(String, JSON)], _ location: SourceLocation = #_sourceLocation
) -> String { failure({ _ = try configuration(type, changes) }, sourceLocation: location).message }

@Test func everyFamilyHasATableThatReadsAConfigurationOfItsType() throws {
  for family in ModelFamily.all { #expect(try configuration(family.modelType).family == family) }
  #expect(Set(ModelFamily.all.map(\.modelType)).count == ModelFamily.all.count)
}

@Test(arguments: FamilyCase.all) func theWeightsOfEveryFamilyAreThoseThatTransformersWrites(golden: FamilyCase) throws {
  try WeightFiles(directory: golden.path("model")).check(against: golden.configuration())
}

@Test func absentFieldsOfGemmaMeanWhatTransformersTakesThemFor() throws {
  let one = try configuration("gemma", [("hidden_act", "gelu"), ("hidden_activation", nil)])
  #expect(one.family.activation == .geluTanh && one.tiesEmbeddings && one.family.norms.addsOne)
  let two = try configuration("gemma2")
  #expect((two.headWidth, two.contextLength, two.tiesEmbeddings) == (256, 8192, true))
  #expect(two.windows == [4096, nil, 4096, nil, 4096, nil] && two.attentionScale == 1 / 16)
  #expect((two.attentionSoftCap, two.logitSoftCap) == (50, 30))
  let uncapped = try configuration("gemma2", [("attn_logit_softcapping", nil), ("query_pre_attn_scalar", 64)])
  #expect(uncapped.attentionSoftCap == nil && uncapped.attentionScale == 1 / 8)

  let three = try configuration("gemma3_text")
  #expect(three.windows == [4096, 4096, 4096, 4096, 4096, nil])
  #expect(three.rotaries.map { $0?.theta } == [10_000, 10_000, 10_000, 10_000, 10_000, 1_000_000])
  #expect((three.attentionSoftCap, three.logitSoftCap) == (nil, nil))
  let older: [(String, JSON)] = [
    ("rope_local_base_freq", 5000), ("rope_theta", 2e6), ("rope_scaling", ["rope_type": "linear", "factor": 8]),
    ("sliding_window_pattern", 2), ("sliding_window", 512),
  ]
  let old = try configuration("gemma3_text", older)
  #expect(old.windows == [512, nil, 512, nil, 512, nil])
  #expect(old.rotaries[0]?.theta == 5000 && old.rotaries[0]?.scaling == RotaryScaling.none)
  #expect(old.rotaries[1]?.theta == 2e6 && old.rotaries[1]?.scaling == .linear(factor: 8))
}

@Test func embeddingsAreScaledInTheTypeOfTheirWeights() throws {
  let gemma = try configuration("gemma2", [("hidden_size", 3072)])
  #expect(gemma.embeddingScale(weights: .bf16) == 55.5)  // as transformers' own comment has it
  #expect(gemma.embeddingScale(weights: .f32) == Float(3072).squareRoot())
  #expect(try configuration("granite", [("embedding_multiplier", 12)]).embeddingScale(weights: .bf16) == 12)
  #expect(try configuration("llama").embeddingScale(weights: .bf16) == 1)
}

@Test func someLayersOfSmolLM3AreNotRotated() throws {
  func rotated(_ changes: [(String, JSON)]) throws -> [Bool] {
    try configuration("smollm3", changes).rotaries.map { $0 != nil }
  }
  #expect(try rotated([]) == [true, true, true, false, true, true])
  #expect(try rotated([("no_rope_layer_interval", 2)]) == [true, false, true, false, true, false])
  #expect(try rotated([("no_rope_layers", [0, 1, 1, 1, 1, 0])]) == [false, true, true, true, true, false])
  let windowed = try configuration("smollm3", [("use_sliding_window", true), ("sliding_window", 8)])
  #expect(windowed.windows == [nil, nil, nil, 8, nil, nil] && windowed.rotaries[0]?.theta == 2_000_000)
  #expect(message("smollm3", [("no_rope_layers", [1])]).contains("/no_rope_layers: 1 entries for num_hidden"))
  #expect(message("smollm3", [("no_rope_layers", [1, 1, 1, 1, 1, 2])]).contains("/no_rope_layers/5: expected"))
  #expect(message("llama", [("no_rope_layers", [0])]).contains("/no_rope_layers: layers without rotation"))
}

@Test func multipliersAndPostNormsBelongToTheirFamilies() throws {
  let granite = try configuration(
    "granite", [("attention_multiplier", 0.015625), ("residual_multiplier", 0.22), ("logits_scaling", 8)])
  #expect((granite.attentionScale, granite.residualMultiplier, granite.logitDivisor) == (0.015625, 0.22, 8))
  let norms = try configuration("olmo2").weightShapes.filter { $0.name.contains("layers.0") && $0.shape.count == 1 }
  #expect(
    norms.map(\.name) == [
      "self_attn.q_norm", "self_attn.k_norm", "post_attention_layernorm", "post_feedforward_layernorm",
    ].map { "model.layers.0.\($0).weight" })
  #expect(norms.allSatisfy { $0.shape == [64] })
}

@Test func whatOnlyOtherFamiliesHaveIsRefusedByTheFieldsName() throws {
  #expect(message("llama", [("query_pre_attn_scalar", 1)]).contains("/query_pre_attn_scalar: models of type llama"))
  #expect(message("gemma3_text", [("attn_logit_softcapping", 50)]).contains("have no 'attn_logit_softcapping'"))
  #expect(message("llama", [("residual_multiplier", 0.5)]).contains("have no 'residual_multiplier'"))
  #expect(try configuration("llama", [("residual_multiplier", 1)]).residualMultiplier == 1)
  #expect(message("gemma2", [("hidden_act", "gelu")]).contains("only \"gelu_pytorch_tanh\" is supported"))
  #expect(message("gemma", [("hidden_act", "silu")]).contains("only \"gelu_pytorch_tanh\" is supported"))
  #expect(message("gemma2", [("hidden_activation", "gelu")]).contains("only \"gelu_pytorch_tanh\" is supported"))
  #expect(message("gemma2", [("use_bidirectional_attention", true)]).contains("/use_bidirectional_attention"))
  #expect(message("gemma2", [("sliding_window", nil)]).contains("/sliding_window: models of type gemma2 need"))
  #expect(message("gemma2", [("final_logit_softcapping", 0)]).contains("0.0 is not greater than zero"))
  #expect(message("llama", [("partial_rotary_factor", 0.5)]).contains("/partial_rotary_factor: rotating only"))
  let nested: JSON = ["full_attention": [:], "chunked_attention": [:]]
  #expect(message("gemma3_text", [("rope_parameters", nested)]).contains("unknown field 'chunked_attention'"))
}

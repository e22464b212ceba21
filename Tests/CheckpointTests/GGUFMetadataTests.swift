import Checkpoint
import Failures
import JSON
import TestSupport
import Testing

private func configuration(_ type: String, _ changes: [(String, JSON)] = []) throws -> ModelConfiguration {
  var object: JSONObject = [
    "model_type": .string(type), "vocab_size": 100, "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "max_position_embeddings": 4096,
  ]
  if ["gemma2", "gemma3_text"].contains(type) { object["query_pre_attn_scalar"] = 16 }
  for (key, value) in changes { object[key] = value }
  return try ModelConfiguration(try JSONDocument(JSON.object(object).text(), source: "config.json").cursor)
}

private func metadata(_ type: String, _ changes: [(String, JSON)] = []) throws -> [String: GGUFValue] {
  Dictionary(uniqueKeysWithValues: try configuration(type, changes).ggufMetadata().map { ($0.key, $0.value) })
}

@Test func everyFamilySaysItsSizesUnderTheNameOfItsArchitecture() throws {
  for family in ModelFamily.all {
    let (name, values) = (family.gguf.name, try metadata(family.modelType))
    #expect(values["\(name).block_count"] == .uint32(6) && values["\(name).embedding_length"] == .uint32(64))
    #expect(values["\(name).attention.head_count_kv"] == .uint32(2) && values["\(name).vocab_size"] == .uint32(100))
    #expect(values["\(name).rope.dimension_count"] == .uint32(16), "\(name)")
    #expect(values.keys.allSatisfy { $0.hasPrefix(name + ".") })
  }
}

@Test func ropeIsToldAsLlamaCppReadsIt() throws {
  let yarn: JSON = [
    "rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 1024, "attention_factor": 2.277258872,
  ]
  let values = try metadata("qwen3", [("rope_scaling", yarn), ("rope_theta", 1e6)])
  #expect(values["qwen3.rope.freq_base"] == .float32(1e6) && values["qwen3.rope.scaling.type"] == .string("yarn"))
  #expect(values["qwen3.rope.scaling.factor"] == .float32(4))
  #expect(values["qwen3.rope.scaling.original_context_length"] == .uint32(1024))
  #expect(values["qwen3.rope.scaling.attn_factor"] == .float32(2))  // of the 1.1386 that yarn implies

  let llama3: JSON = [
    "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 64,
  ]
  let factors = try configuration("llama", [("rope_scaling", llama3)]).ggufRotaryFactors
  #expect(factors.map(\.name) == ["rope_freqs.weight"])
  #expect(factors[0].values.count == 8 && factors[0].values[0] == 1 && factors[0].values[7] == 8)
  #expect(factors[0].values[1] > 1 && factors[0].values[1] < 8)
}

@Test func gemmaSaysWhatItsLayersDo() throws {
  let two = try metadata("gemma2")
  #expect(two["gemma2.attention.sliding_window"] == .uint32(4096))
  #expect(two["gemma2.attn_logit_softcapping"] == .float32(50) && two["gemma2.final_logit_softcapping"] == .float32(30))
  let three = try metadata("gemma3_text")
  #expect(three["gemma3.rope.freq_base"] == .float32(1e6) && three["gemma3.rope.freq_base_swa"] == .float32(1e4))
}

@Test func whatLlamaCppDoesNotComputeIsRefusedByName() {
  func refusal(_ type: String, _ changes: [(String, JSON)], _ location: SourceLocation = #_sourceLocation) -> String {
    failure({ _ = try metadata(type, changes) }, sourceLocation: location).message
  }
  let yarn: JSON = ["rope_type": "yarn", "factor": 4, "beta_fast": 8]
  let cases: [(type: String, changes: [(String, JSON)], what: String)] = [
    ("llama", [("rope_scaling", ["rope_type": "dynamic", "factor": 2])], "the model's rope type is 'dynamic', which llama.cpp's llama"),
    ("llama", [("rope_scaling", yarn)], "yarn has other bounds than 'beta_fast' 32 and 'beta_slow' 1"),
    ("qwen2", [("head_dim", 32)], "4 heads of 32 do not make the hidden_size 64, which llama.cpp's qwen2"),
    ("qwen3", [("attention_bias", true)], "o_proj have biases, which llama.cpp's qwen3"),
    ("smollm3", [("mlp_bias", true)], "feed-forward layers have biases"),
    ("smollm3", [("no_rope_layer_interval", 2)], "other layers than each 4th are left unrotated"),
    ("gemma2", [("query_pre_attn_scalar", 12)], "'query_pre_attn_scalar' is not 16"),
    ("gemma2", [("attn_logit_softcapping", nil)], "'attn_logit_softcapping' is null"),
    ("gemma3_text", [("sliding_window_pattern", 3)], "other layers than each 6th attend to all positions"),
  ]
  for (type, changes, what) in cases {
    let message = refusal(type, changes)
    #expect(message.contains(what), "\(message)")
  }
}

@Test func whatLlamaCppComputesOtherwiseInLongTextsIsSaid() throws {
  let limitation = try #require(try configuration("mistral", [("sliding_window", 512)]).ggufLimitation)
  #expect(limitation.hasPrefix("llama.cpp's llama attends to all positions, where this model attends to the latest 512"))
  #expect(try configuration("mistral", [("sliding_window", 4096)]).ggufLimitation == nil)
  #expect(try configuration("gemma2").ggufLimitation == nil)
}

@Test func everyTensorOfEveryFamilyHasAName() throws {
  for family in ModelFamily.all {
    let configuration = try configuration(family.modelType)
    let map = GGUFTensorMap(configuration)
    let names = try configuration.weightShapes.map { try #require(map[$0.name]?.name, "\($0.name)") }
    #expect(Set(names).count == names.count, "\(family.modelType)")
  }
}

@Test func rowsOfRotatedHeadsComeInPairs() throws {
  let map = GGUFTensorMap(try configuration("llama", [("head_dim", 4)]))
  let query = try #require(map["model.layers.1.self_attn.q_proj.weight"])
  #expect(query.name == "blk.1.attn_q.weight")
  #expect((0..<8).map(query.source(ofRow:)) == [0, 2, 1, 3, 4, 6, 5, 7])
  let value = try #require(map["model.layers.1.self_attn.v_proj.weight"])
  #expect((0..<8).map(value.source(ofRow:)) == Array(0..<8))
  #expect(GGUFTensorMap(try configuration("gemma2"))["model.norm.weight"]?.addend == 1)
}

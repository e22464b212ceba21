import Checkpoint
import Failures
import JSON
import TestSupport
import Testing

private let minimal: JSONObject = [
  "model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 128,
  "num_hidden_layers": 3,
  "num_attention_heads": 4,
]

private func configuration(_ changes: [(String, JSON)] = [], without key: String? = nil) throws
  -> ModelConfiguration
{
  var object = minimal
  for (key, value) in changes { object[key] = value }
  if let key { object[key] = nil }
  return try ModelConfiguration(try JSONDocument(JSON.object(object).text(), source: "config.json").cursor)
}

private func message(
  _ changes: [(String, JSON)], without key: String? = nil, _ location: SourceLocation = #_sourceLocation
) -> String {
  failure({ _ = try configuration(changes, without: key) }, sourceLocation: location).message
}

@Test func readsWhatTransformersWrites() throws {
  let llama = try ModelConfiguration(file: fixture("lora-wide/model/config.json"))
  #expect((llama.family, llama.headCount, llama.keyValueHeadCount, llama.headWidth) == (.llama, 4, 2, 16))
  #expect(llama.rotaries[0]?.theta == 500_000 && !llama.tiesEmbeddings && llama.windows == [nil, nil, nil])
  #expect(
    llama.rotaries[0]?.scaling
      == .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 64))
  let biased = try ModelConfiguration(file: fixture("randlora-ragged-rank/model/config.json"))
  #expect(biased.hasQueryKeyValueBias && biased.hasAttentionOutputBias && biased.hasFeedForwardBias)
  #expect(biased.headCount * biased.headWidth == 64 && biased.width == 40)
  let mistral = try ModelConfiguration(file: fixture("randlora-very-sparse/model/config.json"))
  #expect(mistral.windows == [8, 8] && !mistral.hasQueryKeyValueBias)
  let qwen = try ModelConfiguration(file: fixture("randlora-sparse/model/config.json"))
  #expect(qwen.hasQueryKeyValueBias && !qwen.hasAttentionOutputBias && qwen.windows == [nil, nil])
  #expect((qwen.bosID, qwen.eosIDs, qwen.padID) == (1, [2], 0))
}

@Test func absentFieldsMeanWhatTransformersTakesThemFor() throws {
  let llama = try configuration()
  #expect(
    (llama.keyValueHeadCount, llama.headWidth, llama.contextLength, llama.normEpsilon) == (4, 16, 2048, 1e-6))
  #expect(llama.rotaries[0]?.theta == 10_000 && llama.rotaries[0]?.scaling == RotaryScaling.none && !llama.tiesEmbeddings)
  #expect((llama.bosID, llama.eosIDs, llama.padID) == (1, [2], nil))
  let mistral = try configuration([("model_type", "mistral"), ("num_attention_heads", 8)])
  #expect(mistral.keyValueHeadCount == 8 && mistral.windows == [4096, 4096, 4096])
  let qwen = try configuration([("model_type", "qwen2"), ("num_key_value_heads", nil)])
  #expect((qwen.keyValueHeadCount, qwen.bosID, qwen.eosIDs) == (4, nil, []))
}

@Test func readsQwen3() throws {
  let golden = try ModelConfiguration(file: fixture("randlora-qwen3/model/config.json"))
  #expect((golden.headCount, golden.headWidth, golden.tiesEmbeddings) == (4, 16, true))
  #expect(!golden.hasQueryKeyValueBias && golden.windows == [nil, nil])
  let names = golden.weightShapes.filter { $0.name.hasSuffix("_norm.weight") }
  #expect(
    names.map(\.name).prefix(2) == [
      "model.layers.0.self_attn.q_norm.weight", "model.layers.0.self_attn.k_norm.weight",
    ])
  #expect(names.allSatisfy { $0.shape == [16] })
  let qwen: [(String, JSON)] = [("model_type", "qwen3"), ("num_key_value_heads", 4)]
  #expect(try configuration(qwen).headWidth == 128)
  #expect(try configuration(qwen + [("head_dim", nil)]).headWidth == 16)
  let biased = try configuration(qwen + [("attention_bias", true)])
  #expect(biased.hasQueryKeyValueBias && biased.hasAttentionOutputBias && !biased.hasFeedForwardBias)
  #expect(message(qwen + [("mlp_bias", true)]).contains("/mlp_bias: models of type qwen3 have no such bias"))
}

@Test func readsPhi3() throws {
  let golden = try ModelConfiguration(file: fixture("randlora-phi3/model/config.json"))
  let modules = golden.linearModules.prefix(4)
  #expect(
    modules.map(\.name)
      == ["self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj"].map {
        "model.layers.0." + $0
      })
  #expect(modules.map(\.parts) == [[48, 48, 48], [48], [80, 80], [48]])
  #expect(modules.map(\.outFeatures) == [144, 48, 160, 48])
  let phi: [(String, JSON)] = [("model_type", "phi3")]
  let absent = try configuration(phi)
  #expect((absent.contextLength, absent.normEpsilon, absent.windows) == (4096, 1e-5, [nil, nil, nil]))
  #expect(try configuration(phi + [("sliding_window", 7)]).windows == [7, 7, 7])
  #expect(try configuration(phi + [("partial_rotary_factor", 0.75)]).rotaries[0]?.width == 12)
  #expect(message(phi + [("partial_rotary_factor", 0.7)]).contains("11 of the 16 entries of a head cannot"))
  #expect(message(phi + [("partial_rotary_factor", 1.5)]).contains("/partial_rotary_factor: 1.5 is greater than 1"))
}

@Test func readsRotaryParametersOfTransformers4() throws {
  let linear: JSON = ["type": "linear", "factor": 2.5]
  #expect(try configuration([("rope_scaling", linear)]).rotaries[0]?.scaling == .linear(factor: 2.5))
  let llama3: JSON = [
    "rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 8192,
  ]
  let rotary = try configuration([("rope_scaling", llama3), ("rope_theta", 5e5)]).rotaries[0]
  #expect(rotary?.theta == 500_000)
  #expect(
    rotary?.scaling
      == .llama3(factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192))
}

@Test func readsWindowsOfQwen2OnlyWhenTheyAreUsed() throws {
  let qwen: [(String, JSON)] = [("model_type", "qwen2"), ("num_key_value_heads", 4), ("sliding_window", 16)]
  #expect(try configuration(qwen).windows == [nil, nil, nil])
  let used = qwen + [("use_sliding_window", true), ("max_window_layers", 1)]
  #expect(try configuration(used).windows == [nil, 16, 16])
  let types: JSON = ["sliding_attention", "full_attention", "full_attention"]
  #expect(try configuration(used + [("layer_types", types)]).windows == [16, nil, nil])
}

@Test func severalEndTokensAndNoPadAreUnderstood() throws {
  let tokens = try configuration([("eos_token_id", [3, 4]), ("pad_token_id", -1), ("bos_token_id", nil)])
  #expect((tokens.bosID, tokens.eosIDs, tokens.padID) == (nil, [3, 4], nil))
  let directory = try TemporaryDirectory()
  let path = try directory.write("generation_config.json", #"{"eos_token_id": [5, 6], "max_length": 20}"#)
  let generation = try SpecialTokens(generationConfiguration: path, vocabularySize: 7)
  #expect((generation.bosID, generation.eosIDs, generation.padID) == (nil, [5, 6], nil))
  let outside = failure { _ = try SpecialTokens(generationConfiguration: path, vocabularySize: 6) }
  #expect(outside.message.contains("/eos_token_id/1: expected an integer from 0 to 5, found 6"))
}

@Test func refusesImpossibleValuesByTheFieldsName() {
  for key in ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"] {
    #expect(message([(key, 0)]).contains("/\(key): expected an integer from 1 to"))
    #expect(message([(key, "8")]).contains("/\(key): expected an integer, found a string"))
    #expect(message([], without: key).contains("the field '\(key)' is missing"))
  }
  #expect(message([], without: "model_type").contains("'model_type' is missing"))
  #expect(message([("num_attention_heads", 5)]).contains("hidden_size 64 is not a multiple"))
  #expect(
    message([("num_key_value_heads", 3)]).contains("/num_key_value_heads: num_attention_heads 4 is not"))
  #expect(
    message([("num_key_value_heads", 5)]).contains(
      "/num_key_value_heads: expected an integer from 1 to 4, found 5"))
  #expect(message([("head_dim", 7)]).contains("/head_dim: heads of width 7"))
  #expect(message([("head_dim", 16_777_216)]).contains("are too wide"))
  #expect(message([("rms_norm_eps", 0)]).contains("/rms_norm_eps: 0.0 is not greater than zero"))
  #expect(message([("max_position_embeddings", 0)]).contains("/max_position_embeddings"))
  #expect(
    message([("eos_token_id", 100)]).contains("/eos_token_id: expected an integer from 0 to 99, found 100"))
  #expect(
    message([("pad_token_id", -2)]).contains("/pad_token_id: expected an integer from 0 to 99, found -2"))
  #expect(message([("tie_word_embeddings", "yes")]).contains("/tie_word_embeddings: expected a boolean"))
  #expect(
    message([("model_type", "mistral"), ("num_key_value_heads", 4), ("sliding_window", 0)]).contains(
      "/sliding_window"))
}

@Test func refusesWhatItDoesNotComputeByTheFieldsName() {
  #expect(message([("model_type", "mamba")]).contains("/model_type: the model type 'mamba' is not supported"))
  #expect(message([("architectures", ["LlamaForSequenceClassification"])]).contains("/architectures"))
  #expect(
    message([("hidden_act", "gelu")]).contains("/hidden_act: only \"silu\" is supported, found \"gelu\""))
  #expect(message([("pretraining_tp", 2)]).contains("/pretraining_tp: only 1 is supported, found 2"))
  #expect(message([("attention_dropout", 0.1)]).contains("/attention_dropout"))
  #expect(
    message([("quantization_config", ["quant_method": "gptq", "bits": 4])]).contains(
      "/quantization_config/quant_method: the quantization method 'gptq' is not supported"))
  #expect(
    message([("quantization_config", ["quant_method": "bitsandbytes"])]).contains(
      "/quantization_config: exactly one of load_in_4bit and load_in_8bit"))
  #expect(message([("sliding_window", 8)]).contains("/sliding_window: models of type llama have no"))
  #expect(
    message([("layer_types", ["full_attention"])]).contains("/layer_types: 1 entries for num_hidden_layers 3")
  )
  let windowed: JSON = ["full_attention", "sliding_attention", "full_attention"]
  #expect(message([("layer_types", windowed)]).contains("/layer_types/1: 'sliding_attention' does not agree"))
  let biased: [(String, JSON)] = [
    ("model_type", "qwen2"), ("num_key_value_heads", 4), ("attention_bias", true),
  ]
  #expect(message(biased).contains("/attention_bias: models of type qwen2 have no such bias"))
}

@Test func refusesRotaryParametersItDoesNotKnow() {
  func scaled(_ value: JSON) -> String { message([("rope_scaling", value)]) }
  #expect(
    scaled(["type": "spiral", "factor": 4]).contains(
      "/rope_scaling/type: the rope type 'spiral' is not supported"))
  #expect(scaled(["type": "linear"]).contains("/rope_scaling: the field 'factor' is missing"))
  #expect(scaled(["type": "linear", "factor": 0]).contains("/rope_scaling/factor"))
  #expect(scaled(["type": "linear", "factor": 2, "beta": 1]).contains("unknown field 'beta'"))
  #expect(scaled(["type": "default", "partial_rotary_factor": 0.5]).contains("/partial_rotary_factor"))
  let flat: JSON = ["rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4]
  #expect(scaled(flat).contains("/high_freq_factor: 4.0 is not greater than low_freq_factor"))
  let both: [(String, JSON)] = [
    ("rope_scaling", ["type": "default"]), ("rope_parameters", ["rope_type": "default"]),
  ]
  #expect(message(both).contains("both 'rope_scaling' and 'rope_parameters' are set"))
  let twice: [(String, JSON)] = [
    ("rope_theta", 1), ("rope_parameters", ["rope_type": "default", "rope_theta": 2]),
  ]
  #expect(message(twice).contains("/rope_parameters/rope_theta: 2.0, but 'rope_theta' beside it says 1.0"))
}

@Test func fieldsThatAskForNothingAreIgnored() throws {
  let odd: [(String, JSON)] = [
    ("quantization_config", [:]), ("brand_new_field", false), ("num_experts", nil), ("moe_layers", []), ("pretraining_tp", 1),
    ("temperature", 0.7), ("num_beams", 1), ("id2label", ["0": "LABEL_0"]), ("_attn_implementation_autoset", true),
    ("auto_map", ["AutoConfig": "configuration.X"]), ("transformers.js_config", ["kv_cache_dtype": "fp16"]),
    ("cache_implementation", "hybrid"), ("is_llama_config", true), ("rope_interleaved", false),
  ]
  #expect(try configuration(odd) == configuration())
}

/// What a model says that nobody here knows may change its numbers.
@Test(arguments: [
  ("attn_temperature_tuning", true), ("num_experts", 8), ("clip_qkv", 30), ("attention_chunk_size", 8192),
  ("is_causal", false), ("rope_interleaved", true), ("brand_new_field", 0), ("mystery", "x"), ("full_attn_mod", 2),
] as [(String, JSON)])
func refusesFieldsThatMayChangeTheNumbers(field: String, value: JSON) {
  #expect(message([(field, value)]).contains("/\(field): "))
}

@Test func aDamagedConfigurationNeverTraps() throws {
  for name in ["lora-wide", "randlora-sparse"] {
    let original = try MappedFile(fixture("\(name)/model/config.json")).contents
    var generator = SeededGenerator(state: 2)
    for _ in 0..<2000 {
      do throws(Failure) {
        let bytes = mutated(original, using: &generator)
        let configuration = try ModelConfiguration(try JSONDocument(bytes, source: "config.json").cursor)
        _ = configuration.parameterCount
      } catch {
        #expect(error.kind == .badData)
      }
    }
  }
}

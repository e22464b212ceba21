import Adapters
import Checkpoint
import Failures
import JSON
import TestSupport
import Testing

func configuration(file: String) throws(Failure) -> AdapterConfiguration {
  try AdapterConfiguration(peft: try JSONDocument(try MappedFile(file).contents, source: file).cursor)
}

private func object(_ file: String) throws -> JSONObject {
  try #require(try JSONDocument(try MappedFile(fixture(file)).contents, source: file).root.objectValue)
}

/// The message of the failure to read a fixture's configuration with one field changed.
private func message(
  _ name: String, _ key: String, _ value: JSON?, _ location: SourceLocation = #_sourceLocation
) throws -> String {
  var fields = try object("\(name)/adapter_init/adapter_config.json")
  fields[key] = value
  let document = try JSONDocument(JSON.object(fields).text(), source: "adapter_config.json")
  return failure({ _ = try AdapterConfiguration(peft: document.cursor) }, sourceLocation: location).message
}

private func usage(_ rank: Int = 4, alpha: Double = 8, dropout: Double = 0, useRSLoRA: Bool = false) -> String
{
  failure {
    _ = try AdapterConfiguration(
      method: .randlora, rank: rank, alpha: alpha, dropout: dropout, targetModules: .allLinear,
      useRSLoRA: useRSLoRA)
  }.message
}

@Test func readsWhatPEFTWrites() throws {
  let wide = try configuration(file: fixture("randlora-wide/adapter_init/adapter_config.json"))
  #expect((wide.method, wide.rank, wide.alpha, wide.dropout, wide.scaling) == (.randlora, 8, 160, 0, 20))
  #expect(wide.projectionPRNGKey == 31415 && wide.sparsity == .dense && wide.layersToTransform == nil)
  #expect(wide.targetModules == .names(["down_proj", "k_proj", "q_proj", "up_proj", "v_proj"]))
  let lora = try configuration(file: fixture("lora-wide/adapter_init/adapter_config.json"))
  #expect(lora.method == .lora && lora.useRSLoRA && lora.scaling == 16 / 8.0.squareRoot())
  let some = try configuration(file: fixture("randlora-some-layers/adapter_init/adapter_config.json"))
  #expect(some.layersToTransform == [1])
  #expect(
    try configuration(file: fixture("randlora-sparse/adapter_init/adapter_config.json")).sparsity == .sparse)
  #expect(
    try configuration(file: fixture("randlora-very-sparse/adapter_init/adapter_config.json")).sparsity
      == .verySparse)
}

@Test(arguments: randloraCases + ["lora", "lora-wide"]) func writesTheFieldsThatPEFTWrites(name: String)
  throws
{
  let file = "\(name)/adapter_init/adapter_config.json"
  let written = try configuration(file: fixture(file)).peftJSON(
    baseModel: nil, revision: nil, saveProjection: true)
  var expected = try object(file)
  let targets = expected["target_modules"]?.arrayValue?.compactMap(\.stringValue).sorted() ?? []
  expected["target_modules"] = .array(targets.map(JSON.string))
  #expect(written == .object(expected))
  #expect(written.objectValue?.keys == expected.keys)
}

@Test func readsBackWhatItWrites() throws {
  let configurations = [
    try AdapterConfiguration(
      method: .randlora, rank: 3, alpha: 1.5, dropout: 0.25, targetModules: .pattern(".*k_proj"),
      projectionPRNGKey: -7,
      sparsity: .verySparse),
    try AdapterConfiguration(
      method: .lora, rank: 3, alpha: 6, dropout: 0, targetModules: .names(["v", "k", "v"]),
      layersToTransform: [4, 1],
      layersPattern: ["layers", "h"], useRSLoRA: true),
    try AdapterConfiguration(
      method: .lora, rank: 1, alpha: 1, dropout: 0, targetModules: .allLinear, excludedModules: .names(["k", "c"])),
    try AdapterConfiguration(
      method: .lora, rank: 1, alpha: 1, dropout: 0, targetModules: .allLinear, excludedModules: .pattern(".*1.*")),
  ]
  for configuration in configurations {
    let json = configuration.peftJSON(baseModel: "org/name", revision: "main", saveProjection: false)
    #expect(json["base_model_name_or_path"] == "org/name" && json["revision"] == "main")
    #expect(
      try AdapterConfiguration(peft: try JSONDocument(json.text(), source: "x").cursor) == configuration)
  }
}

@Test func refusesValuesOutOfRange() throws {
  #expect(usage(0) == "the rank 0 is out of range (1 to 65536)")
  #expect(usage(alpha: 0) == "alpha 0.0 is not a number greater than zero")
  #expect(usage(alpha: .infinity) == "alpha inf is not a number greater than zero")
  #expect(usage(dropout: 1) == "the dropout probability 1.0 is not in 0..<1")
  #expect(usage(useRSLoRA: true) == "use_rslora is for LoRA only")
  #expect(try message("lora", "r", 0).contains("/r: expected an integer from 1 to 65536, found 0"))
  #expect(try message("lora", "lora_alpha", -1).contains("alpha -1.0 is not a number greater than zero"))
  #expect(try message("lora", "lora_alpha", nil).contains("the field 'lora_alpha' is missing"))
  #expect(try message("lora", "lora_dropout", 1.5).contains("the dropout probability 1.5"))
  #expect(try message("lora", "target_modules", []).contains("/target_modules: no target modules are named"))
  #expect(try message("lora", "exclude_modules", [1]).contains("/exclude_modules/0: expected a string"))
  #expect(try message("lora", "target_modules", [1]).contains("/target_modules/0: expected a string"))
  #expect(
    try message("lora", "layers_to_transform", [-1]).contains("/layers_to_transform/0: expected an integer"))
  #expect(
    try message("lora", "peft_type", "VERA").contains("/peft_type: adapters of type 'VERA' are not supported")
  )
  #expect(try message("randlora-dense", "sparse", "yes").contains("/sparse: expected a boolean"))
}

@Test func refusesUnsupportedFeaturesByTheFieldsName() throws {
  let features: [(String, JSON)] = [
    ("use_dora", true), ("fan_in_fan_out", true), ("layer_replication", [[0, 1]]),
    ("lora_bias", true),
    ("target_parameters", ["x"]), ("trainable_token_indices", [1]),
    ("init_lora_weights", "pissa"), ("task_type", "SEQ_CLS"), ("a_new_feature", true), ("use_qalora", true),
    ("loftq_config", ["loftq_bits": 4]), ("randlora_alpha", 2),
  ]
  for (key, value) in features {
    #expect(try message("lora", key, value).contains("/\(key): '\(key)' with the value"))
  }
  #expect(try message("randlora-dense", "exclude_modules", "lm_head").contains("'exclude_modules' with the value"))
  #expect(
    try message("randlora-dense", "use_rslora", true).contains(
      "/use_rslora: 'use_rslora' with the value true"))
}

@Test func patternsGiveModulesOtherRanksAndAlphas() throws {
  var fields = try object("lora/adapter_init/adapter_config.json")
  fields["rank_pattern"] = ["layers.0.self_attn.k_proj": 3, "k_proj": 5]
  fields["alpha_pattern"] = ["(k|v)_proj": 6]
  let document = try JSONDocument(JSON.object(fields).text(), source: "adapter_config.json")
  let configuration = try AdapterConfiguration(peft: document.cursor)
  let chosen = try configuration.select(from: modules("lora"))
  let layout = try AdapterLayout(configuration, modules: chosen)
  for (module, rank) in zip(chosen, layout.ranks) {
    let isKey = module.name.hasSuffix("k_proj")
    #expect(rank == (module.name.hasSuffix("layers.0.self_attn.k_proj") ? 3 : isKey ? 5 : configuration.rank), "\(module.name)")
  }
  #expect(layout.ranks.contains(3) && layout.ranks.contains(5))
  #expect(try message("lora", "rank_pattern", ["k_proj": 0]).contains("the rank 0.0 of 'k_proj' is out of range"))
  #expect(try message("lora", "alpha_pattern", ["k_proj": -1]).contains("alpha_pattern: -1.0 of 'k_proj' is not"))
  #expect(try message("lora", "rank_pattern", 3).contains("/rank_pattern"))
  #expect(try message("randlora-dense", "rank_pattern", ["k_proj": 8]).contains("/rank_pattern: 'rank_pattern' with the value"))
}

@Test func ignoresWhatChangesNothing() throws {
  var fields = try object("lora/adapter_init/adapter_config.json")
  let expected = try configuration(file: fixture("lora/adapter_init/adapter_config.json"))
  fields["brand_new_feature"] = false
  fields["auto_mapping"] = ["base_model_class": "LlamaForCausalLM"]
  fields["base_model_name_or_path"] = "/home/me/model"
  fields["init_lora_weights"] = "gaussian"
  fields["rank_pattern"] = nil
  fields["layers_to_transform"] = []
  let document = try JSONDocument(JSON.object(fields).text(), source: "adapter_config.json")
  #expect(try AdapterConfiguration(peft: document.cursor) == expected)
}

@Test func aDamagedAdapterConfigurationNeverTraps() throws {
  for name in ["lora", "randlora-some-layers"] {
    let model = try modules(name)
    let original = try MappedFile(fixture("\(name)/adapter_init/adapter_config.json")).contents
    var generator = SeededGenerator(state: 3)
    for _ in 0..<2000 {
      do throws(Failure) {
        let bytes = mutated(original, using: &generator)
        let configuration = try AdapterConfiguration(peft: try JSONDocument(bytes, source: "x").cursor)
        _ = try AdapterLayout(configuration, modules: try configuration.select(from: model))
      } catch {
        #expect(error.kind == .badData || error.kind == .usage)
      }
    }
  }
}

import Adapters
import Checkpoint
import Failures
import TestSupport
import Testing

private let model: [LinearModule] = (0..<3).flatMap { layer in
  ["self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj"].map {
    LinearModule(name: "model.layers.\(layer).\($0)", outFeatures: 8, inFeatures: 8)
  }
}

private func selected(
  _ targets: TargetModules, excluding excluded: TargetModules? = nil, layers: [Int]? = nil, pattern: [String] = []
) throws(Failure) -> [String] {
  let configuration = try AdapterConfiguration(
    method: .lora, rank: 2, alpha: 40, dropout: 0, targetModules: targets, excludedModules: excluded,
    layersToTransform: layers, layersPattern: pattern)
  return try configuration.select(from: model).map { String($0.name.dropFirst("model.layers.".count)) }
}

@Test func aNameMeansAWholeNameOrItsEnd() throws {
  #expect(
    try selected(.names(["k_proj"])) == ["0.self_attn.k_proj", "1.self_attn.k_proj", "2.self_attn.k_proj"])
  #expect(
    try selected(.names(["1.mlp.up_proj", "model.layers.0.self_attn.q_proj"])) == [
      "0.self_attn.q_proj", "1.mlp.up_proj",
    ])
  #expect(try selected(.allLinear).count == 9)
}

@Test func aPatternMatchesWholeNames() throws {
  #expect(try selected(.pattern(#".*\.[02]\..*(q|up)_proj"#)).count == 4)
  #expect(
    failure { _ = try selected(.pattern("q_proj")) }.message == "no linear layer matches the pattern 'q_proj'"
  )
  #expect(
    failure { _ = try selected(.pattern("(")) }.kind == .badData
      || failure { _ = try selected(.pattern("(")) }.kind == .usage)
}

/// As PEFT's `check_target_module_exists` has it: names need not fit, and every string is an expression.
@Test func excludedModulesAreLeftOut() throws {
  let targets = TargetModules.names(["q_proj", "k_proj"])
  #expect(
    try selected(targets, excluding: .names(["k_proj", "layers.1.self_attn.q_proj", "lm_head"])) == [
      "0.self_attn.q_proj", "2.self_attn.q_proj",
    ])
  #expect(try selected(targets, excluding: .pattern(#"model\.layers\.[12]\..*"#)).count == 2)
  #expect(try selected(targets, excluding: .pattern("k_proj")).count == 6)
  #expect(try selected(.allLinear, excluding: .names(["up_proj"]), layers: nil).count == 6)
  #expect(try selected(targets, excluding: .names(["k_proj"]), layers: [1]) == ["1.self_attn.q_proj"])
  #expect(
    failure { _ = try selected(.names(["k_proj"]), excluding: .names(["k_proj"])) }.message
      == "exclude_modules leaves out every target module")
}

@Test func anUnknownTargetNamesTheLinearLayers() {
  for name in ["v_proj", "proj", "", "lm_head", "q_proj."] {
    let error = failure { _ = try selected(.names(["q_proj", name])) }
    #expect(error.kind == .usage && error.message == "no linear layer is called '\(name)'")
    #expect(error.hint?.hasPrefix("linear layers: q_proj, k_proj, up_proj;") ?? false)
  }
}

@Test func layersAreChosenByIndex() throws {
  #expect(
    try selected(.names(["q_proj"]), layers: [2, 0, 2]) == ["0.self_attn.q_proj", "2.self_attn.q_proj"])
  #expect(try selected(.names(["q_proj"]), layers: []).count == 3)
  #expect(try selected(.names(["q_proj"]), layers: [1], pattern: ["h", "layers"]) == ["1.self_attn.q_proj"])
  #expect(
    failure { _ = try selected(.names(["q_proj"]), layers: [3]) }.message.contains("there is no layer 3"))
  #expect(
    failure { _ = try selected(.names(["q_proj"]), layers: [1], pattern: ["h"]) }.message.contains(
      "no layer 1"))
  #expect(
    failure { _ = try selected(.names(["q_proj"]), pattern: ["h"]) }.message
      == "layers_pattern needs layers_to_transform")
  #expect(
    failure { _ = try selected(.allLinear, layers: [1]) }.message.contains(
      "only with a list of target module names"))
}

@Test func aCommandLineSaysNamesPatternsOrAll() {
  #expect(TargetModules(argument: "k_proj, v_proj") == .names(["k_proj", "v_proj"]))
  #expect(TargetModules(argument: "model.layers.0.mlp.up_proj") == .names(["model.layers.0.mlp.up_proj"]))
  #expect(TargetModules(argument: #".*\.(q|v)_proj"#) == .pattern(#".*\.(q|v)_proj"#))
  #expect(TargetModules(argument: "All-Linear") == .allLinear)
}

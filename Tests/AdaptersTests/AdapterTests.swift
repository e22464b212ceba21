import Adapters
import Checkpoint
import Failures
import Tensor
import TestSupport
import Testing

private func adapter(
  _ method: AdapterMethod, rank: Int = 4, targets: [String] = ["k_proj", "v_proj"], seed: Int = 0
) throws -> Adapter {
  let configuration = try AdapterConfiguration(
    method: method, rank: rank, alpha: 8, dropout: 0, targetModules: .names(targets))
  return try Adapter(configuration: configuration, modules: modules("lora"), seed: seed)
}

@Test(arguments: randloraCases) func startsRandLoRAAsPEFTDoes(name: String) throws {
  let directory = fixture("\(name)/adapter_init")
  let configuration = try configuration(file: directory + "/adapter_config.json")
  let started = try Adapter(configuration: configuration, modules: modules(name), seed: 99)
  let read = try Adapter(directory: directory, modules: modules(name))
  #expect(started.parameters.array == read.parameters.array)
  #expect(started.layout.entries.map(\.name) == read.layout.entries.map(\.name))
}

@Test func laysOutLambdaThenGammaModuleAfterModule() throws {
  let layout = try adapter(.randlora, rank: 5).layout  // k_proj and v_proj: 16 × 48
  #expect(layout.modules.count == 4 && layout.basesCount(module: 0) == 4)
  #expect(layout.entries[0].name == "model.layers.0.self_attn.k_proj.randlora_lambda")
  #expect(layout.entries[0].peftName == "base_model.model.model.layers.0.self_attn.k_proj.randlora_lambda")
  let gamma = layout.entry(module: 1, parameter: .gamma)
  #expect(gamma.name == "model.layers.0.self_attn.v_proj.randlora_gamma")
  #expect(gamma.shape == [4, 16] && gamma.offset == 20 + 64 + 20 && gamma.range == 104..<168)
  #expect(layout.count == 4 * (20 + 64))
}

@Test func laysOutLoRAWithAThenB() throws {
  let layout = try adapter(.lora).layout
  #expect(layout.entry(module: 0, parameter: .a).shape == [4, 48])
  #expect(layout.entry(module: 0, parameter: .b).shape == [16, 4])
  #expect(
    layout.entry(module: 0, parameter: .b).peftName.hasSuffix("layers.0.self_attn.k_proj.lora_B.weight"))
  #expect(layout.entry(module: 1, parameter: .a).offset == 4 * 64)
}

@Test func startsLoRAFromItsSeed() throws {
  let one = try adapter(.lora, seed: 1)
  let bound = 1 / Float(48).squareRoot()
  let a = one.layout.entry(module: 0, parameter: .a)
  let values = a.range.map { one.parameters[$0] }
  #expect(values.allSatisfy { abs($0) <= bound } && values.contains { abs($0) > 0.9 * bound })
  // torch.manual_seed(1); torch.empty(4, 48).uniform_(-bound, bound): torch.rand gives 0.7576, 0.2793, 0.4031
  #expect(zip(values, [0.7576, 0.2793, 0.4031]).allSatisfy { abs($0 - (2 * $1 - 1) * bound) < 1e-4 })
  #expect(one.layout.entry(module: 3, parameter: .b).range.allSatisfy { one.parameters[$0] == 0 })
  #expect(one.bases == nil && one.basesOrigin == .absent)
  #expect(try adapter(.lora, seed: 1).parameters.array == one.parameters.array)
  #expect(try adapter(.lora, seed: 2).parameters.array != one.parameters.array)
}

@Test func comparesSizesWithLoRA() throws {
  let layout = try adapter(.randlora, rank: 4).layout
  #expect(layout.count == 4 * 4 * (4 + 16) && layout.loraCount(rank: 1) == 4 * 64)
  #expect(layout.equalLoRARank == 1)
  #expect(try adapter(.lora, rank: 6).layout.equalLoRARank == 6)
}

@Test func refusesBasesWithoutSpread() throws {
  let one = [LinearModule(name: "m", outFeatures: 1, inFeatures: 1)]
  let configuration = try AdapterConfiguration(
    method: .randlora, rank: 1, alpha: 1, dropout: 0, targetModules: .allLinear)
  let error = failure { _ = try Adapter(configuration: configuration, modules: one, seed: 0) }
  #expect(error.message == "all values of a random basis of rank 1 and width 1 are equal")
}

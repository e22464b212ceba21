import Adapters
import Checkpoint
import Tensor
import TestSupport
import Testing

let randloraCases = [
  "randlora-dense", "randlora-wide", "randlora-ragged-rank", "randlora-rank-over-dim", "randlora-sparse",
  "randlora-very-sparse", "randlora-some-layers", "randlora-accumulate",
]

func modules(_ name: String) throws -> [LinearModule] {
  try ModelConfiguration(file: fixture("\(name)/model/config.json")).linearModules
}

@Test(arguments: randloraCases) func drawsTheBasesThatPEFTDraws(name: String) throws {
  let file = try SafeTensors(fixture("\(name)/adapter_init/adapter_model.safetensors"))
  let configuration = try configuration(file: fixture("\(name)/adapter_init/adapter_config.json"))
  let shape = BasesShape(modules: try configuration.select(from: modules(name)), rank: configuration.rank)
  let bases = Bases(shape: shape, sparsity: configuration.sparsity, key: configuration.projectionPRNGKey)
  let a = try file.tensor("base_model.randlora_A", shape: [shape.rank, 1, shape.minDim]).floats()
  let b = try file.tensor("base_model.randlora_B", shape: [shape.maxDim, shape.count, shape.rank]).floats()
  #expect(bases.a.array.map(\.bitPattern) == a.array.map(\.bitPattern))
  #expect(bases.b.array.map(\.bitPattern) == b.array.map(\.bitPattern))
}

@Test func basesTakeTheGreatestWidthsOfAllModules() {
  let modules = [
    LinearModule(name: "a", outFeatures: 10, inFeatures: 30),
    LinearModule(name: "b", outFeatures: 20, inFeatures: 5),
  ]
  let shape = BasesShape(modules: modules, rank: 6)
  #expect((shape.minDim, shape.maxDim, shape.count) == (20, 30, 4))
}

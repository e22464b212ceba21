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
  try ModelConfiguration(file: fixture("\(name)/model/config.json")).adaptableModules
}

@Test(arguments: randloraCases) func drawsTheBasesThatPEFTDraws(name: String) throws {
  let file = try SafeTensors(fixture("\(name)/adapter_init/adapter_model.safetensors"))
  let configuration = try configuration(file: fixture("\(name)/adapter_init/adapter_config.json"))
  let shape = BasesShape(modules: try configuration.select(from: modules(name)), rank: configuration.rank)
  let bases = Bases(shape: shape, sparsity: configuration.sparsity, key: configuration.projectionPRNGKey, kept: shape.count)
  let a = try file.tensor("base_model.randlora_A", shape: [shape.rank, 1, shape.minDim]).floats()
  let b = try file.tensor("base_model.randlora_B", shape: [shape.maxDim, shape.count, shape.rank]).floats()
  #expect(bases.a.array.map(\.bitPattern) == a.array.map(\.bitPattern))
  #expect(bases.b.array.map(\.bitPattern) == b.array.map(\.bitPattern))
}

/// Modules of several shapes leave a part of B unused, which is drawn and not kept.
@Test(arguments: [BasesSparsity.dense, .sparse, .verySparse]) func onlyTheUsedPartOfBIsKept(sparsity: BasesSparsity) {
  let modules = [
    LinearModule(name: "up", outFeatures: 40, inFeatures: 16), LinearModule(name: "down", outFeatures: 16, inFeatures: 40),
  ]
  let shape = BasesShape(modules: modules, rank: 5)
  #expect((shape.count, shape.usedCount) == (8, 4) && shape.bytesB == (all: 6400, used: 3200))
  let used = Bases(shape: shape, sparsity: sparsity, key: 3)
  let all = Bases(shape: shape, sparsity: sparsity, key: 3, kept: 8)
  #expect(used.b.shape == [40, 4, 5] && used.a.array == all.a.array)
  for row in 0..<40 { #expect(used.b.array[row * 20..<(row + 1) * 20] == all.b.array[row * 40..<row * 40 + 20]) }
}

@Test func basesTakeTheGreatestWidthsOfAllModules() {
  let modules = [
    LinearModule(name: "a", outFeatures: 10, inFeatures: 30),
    LinearModule(name: "b", outFeatures: 20, inFeatures: 5),
  ]
  let shape = BasesShape(modules: modules, rank: 6)
  #expect((shape.minDim, shape.maxDim, shape.count) == (20, 30, 4))
}

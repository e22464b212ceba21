import Adapters
import Checkpoint
import Conversion
import Failures
import Tensor
import TestSupport
import Testing

private func weighted(_ parts: [(PEFTCase, Double)]) throws -> WeightedAdapters {
  let model = try parts[0].0.configuration()
  return try WeightedAdapters(
    parts.map { WeightedAdapters.Part(name: $0.0.name, adapter: try $0.0.adapter("adapter_trained"), weight: $0.1) },
    among: model.adaptableModules)
}

private func converted(_ adapters: WeightedAdapters, _ truncation: LoRATruncation) throws -> LoRAConversion {
  try LoRAConversion(adapters, truncation: truncation) {}
}

/// ‖ΔW of the conversion − ΔW‖ / ‖ΔW‖ of each layer.
private func errors(_ conversion: LoRAConversion, of adapters: WeightedAdapters) throws -> [Double] {
  let deltas = DeltaWeights(conversion.adapter)
  return try adapters.modules.enumerated().map { index, module in
    let exact = try #require(adapters.delta(of: module.name)), distance = deltas.weight(ofModule: index)
    distance.scale(by: -1)
    distance.add(exact)
    return (Double(distance.sumOfSquares) / Double(exact.sumOfSquares)).squareRoot()
  }
}

@Test(arguments: PEFTCase.all.filter { $0.name.hasPrefix("randlora") })
func fullRankGivesTheUpdateAgain(golden: PEFTCase) throws {
  let adapters = try weighted([(golden, 1)])
  for truncation in [LoRATruncation.energy(1), .rank(10_000)] {
    let conversion = try converted(adapters, truncation)
    #expect(conversion.adapter.configuration.method == .lora)
    #expect(try errors(conversion, of: adapters).allSatisfy { $0 < 5e-6 })
  }
}

@Test(arguments: [0.5, 0.9, 0.99]) func theSmallestRankThatKeepsTheEnergyIsTaken(energy: Double) throws {
  let adapters = try weighted([(PEFTCase("randlora-wide"), 1)])
  let conversion = try converted(adapters, .energy(energy))
  for (layer, error) in zip(conversion.layers, try errors(conversion, of: adapters)) {
    #expect(abs(layer.relativeError - error) < 1e-5 && 1 - error * error >= energy - 1e-5)
    guard layer.rank > 1 else { continue }
    let fewer = try converted(adapters, .rank(layer.rank - 1)).layers.first { $0.module == layer.module }
    let left = try #require(fewer).relativeError
    #expect(1 - left * left < energy)
  }
}

/// Layers of other ranks than most travel through PEFT's files.
@Test func ranksThatDifferAreReadAgain() throws {
  let golden = PEFTCase("randlora-wide"), model = try golden.configuration()
  let adapters = try weighted([(golden, 1)])
  let adapter = try converted(adapters, .energy(0.8)).adapter
  #expect(Set(adapter.layout.ranks).count > 1 && !adapter.configuration.rankPattern.isEmpty)
  let directory = try TemporaryDirectory()
  try adapter.write(baseModel: nil, revision: nil, saveProjection: false) { "\(directory.path)/\($0)" }
  let again = try Adapter(directory: directory.path, modules: model.adaptableModules)
  #expect(again.configuration == adapter.configuration && again.layout.ranks == adapter.layout.ranks)
  #expect(again.parameters.array == adapter.parameters.array)
  for index in adapter.layout.modules.indices {
    #expect(DeltaWeights(again).weight(ofModule: index).array == DeltaWeights(adapter).weight(ofModule: index).array)
  }
}

@Test func adaptersThatAreAddedUpConvertAsTheirSum() throws {
  let adapters = try weighted([
    (PEFTCase("randlora-wide"), 0.5), (PEFTCase("lora-wide"), -2), (PEFTCase("randlora-some-layers"), 1),
  ])
  let conversion = try converted(adapters, .energy(1))
  #expect(conversion.layers.count == adapters.modules.count)
  #expect(try errors(conversion, of: adapters).allSatisfy { $0 < 5e-6 })
}

@Test func whatIsTrainedInFullGoesAlongWithOneAdapterAlone() throws {
  let golden = FamilyCase("granite-saved"), model = try golden.configuration(), own = try golden.adapter("lora")
  func adapters(_ weights: Double...) throws -> WeightedAdapters {
    try WeightedAdapters(
      weights.map { WeightedAdapters.Part(name: "a", adapter: own, weight: $0) }, among: model.adaptableModules)
  }
  let conversion = try converted(adapters(1), .energy(1))
  for tensor in own.layout.trained {
    #expect(conversion.adapter.trainedValue(of: tensor.name)?.array == own.trainedValue(of: tensor.name)?.array)
  }
  let error = failure { _ = try converted(adapters(0.5), .energy(1)) }
  #expect(error.kind == .usage && error.message.contains("is trained in full"))
  #expect(failure { _ = try adapters(1, 1) }.message.contains("they do not add up"))
}

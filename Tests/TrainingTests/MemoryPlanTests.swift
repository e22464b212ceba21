import Adapters
import Checkpoint
import Datasets
import Failures
import Tensor
import TestSupport
import Testing
import Transformer

@testable import Training

/// The plan of a case's whole run.
private func plan(
  _ name: String, recipe change: (inout TrainingRecipe) -> Void = { _ in }, limit: Int? = nil
) throws -> MemoryPlan {
  let golden = PEFTCase(name)
  var recipe = try golden.recipe()
  change(&recipe)
  return try MemoryPlan(
    model: golden.model(),
    adapter: golden.adapter("adapter_init"), rows: golden.storedRows(), recipe: recipe,
    steps: 0..<recipe.horizon.totalSteps, threads: 1, limit: limit)
}

private func bytes(_ name: String, of plan: MemoryPlan) -> Int { plan.parts.first { $0.name == name }?.bytes ?? 0 }

@Test func `the plan counts adapter, bases and activations of the adapted layers`() throws {
  let all = try plan("randlora-wide"), one = try plan("randlora-some-layers")
  let adapter = try PEFTCase("randlora-wide").adapter("adapter_init")
  #expect(bytes("adapter, gradients, moments", of: all) == 16 * adapter.layout.count)
  let bases = try #require(adapter.bases)
  #expect(bytes("random bases", of: all) == 4 * (bases.a.count + bases.b.count))
  // D 64, H·d 64, K·d 32, F 96, H 4: all three layers against the upper two.
  let tokens = all.tokens
  #expect(bytes("activations", of: all) == 3 * tokens * 4 * (2 * 64 + 2 * 64 + 2 * 32 + 2 * 96 + 4 + 2))
  #expect(bytes("activations", of: one) * 3 == 2 * bytes("activations", of: all))
  #expect(all.total == all.mapped + all.privateBytes)
}

@Test func `the plan counts the copies of what is trained in full, and a backward pass through every layer`() throws {
  let golden = PEFTCase("randlora-some-layers"), model = try golden.model(), weights = try WeightFiles(directory: golden.path("model"))
  func need(_ saved: [String]) throws -> StepMemory {
    let own = try golden.adapter("adapter_init").configuration
    let configuration = try AdapterConfiguration(
      method: own.method, rank: own.rank, alpha: own.alpha, dropout: own.dropout, targetModules: own.targetModules,
      layersToTransform: own.layersToTransform, modulesToSave: saved)
    let adapter = try Adapter(
      configuration: configuration, modules: model.configuration.adaptableModules,
      tensors: model.configuration.trainableTensors, weights: weights, seed: 0)
    return StepMemory(model: model, adapter: adapter, tokens: 9, stepTokens: 9, threads: 1)
  }
  func copies(_ need: StepMemory) -> Int? {
    need.parts(recomputing: 0).first { $0.name == "copies of what is trained in full" }?.bytes
  }
  let without = try need([]), with = try need(["embed_tokens", "norm"])
  let norms = 2 * model.configuration.layerCount + 1, D = model.configuration.width
  #expect(copies(without) == 0 && copies(with) == 8 * D * (model.configuration.vocabularySize + norms))
  #expect(without.savedLayers == 2 && with.savedLayers == 3)
}

@Test func `a smaller limit keeps fewer activations, until nothing fits`() throws {
  let free = try plan("randlora-wide")
  #expect(free.recomputedLayers == 0)
  let limited = try plan("randlora-wide", limit: free.total - 1)
  #expect(limited.recomputedLayers == 1 && limited.total < free.total)
  let error = failure { _ = try plan("randlora-wide", limit: 1_000_000) }
  #expect(error.kind == .usage)
  #expect(error.message.hasPrefix("a step with micro-batches of up to \(free.tokens) tokens needs at least "))
}

@Test func `the largest micro-batch of the steps is found in every epoch`() {
  let lengths = [3, 9, 4, 1, 5, 9, 2]
  for shuffle in [false, true] {
    let schedule = RowSchedule(rows: 7, batchSize: 2, gradientAccumulationSteps: 2, seed: 4, shuffle: shuffle)
    for steps in [0..<1, 1..<2, 0..<9, 3..<4] {
      let expected = steps.flatMap { step in
        let window = schedule.rows(ofStep: step).map { lengths[$0] }
        return MicroBatch.ranges(lengths: window, tokens: 8).map { window[$0].reduce(0, +) }
      }.max()
      #expect(schedule.mostTokens(inSteps: steps, microBatchTokens: 8) { lengths[$0] } == expected)
    }
  }
}

@Test func `an update is formed as one matrix from the number of tokens on from which that takes fewer multiplications`() {
  for (out, `in`) in [(192, 576), (576, 192)] {
    // 2·k·m·M + T·m·M with ΔW against T·k·(3·m + 2·M) with the factors, k = m = 192: equal at T = 192.
    for (tokens, isFormed) in [(191, false), (192, true)] {
      #expect(UpdatePlan(tokens: tokens).formsDelta(outFeatures: out, inFeatures: `in`, inner: 192) == isFormed)
    }
  }
}

@Test func `over a quantized base, full matrices are formed only where they take no more room than it does`() throws {
  let layout = try PEFTCase("randlora-wide").adapter("adapter_init").layout
  let matrices = layout.modules.reduce(0) { $0 + 8 * $1.outFeatures * $1.inFeatures }
  for (room, isFormed) in [(nil, true), (matrices, true), (matrices - 1, false)] {
    let plan = UpdatePlan(tokens: 1_000_000, layout: layout, room: room)
    let held = plan.bytes(of: layout, tokens: 10, threads: 1, hasDropout: false).held
    #expect((held == matrices) == isFormed)
  }
}

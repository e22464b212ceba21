import Adapters
import Checkpoint
import Datasets
import Tensor
import TestSupport
import Testing
import Transformer

extension PEFTCase {
  func model() throws -> DecoderModel {
    try DecoderModel(configuration(), weights: WeightFiles(directory: path("model")))
  }

  /// One micro-batch of the case, its padding left out.
  func batch(_ index: Int) throws -> MicroBatch {
    MicroBatch(rows: try rows(ofBatch: index).map { ($0.ids, $0.supervised) })
  }
}

@Suite struct AdaptedModelTests {
  /// 1 token: RandLoRA's factors are used; a million: ΔW is formed.
  @Test(arguments: PEFTCase.all, [1, 1_000_000]) func trainedLogitsEqualPEFT(golden: PEFTCase, tokens: Int) throws {
    let adapter = try golden.adapter("adapter_trained"), model = try golden.model()
    for active in [
      ActiveAdapter(adapter, plan: UpdatePlan(tokens: tokens), training: false),
      model.activate(adapter, tokens: tokens, training: false),  // folds ΔW
    ] {
      let logits = model.logits(try golden.batch(0), adapter: active)
      #expect(difference(logits, try golden.logits("logits.trained")) < 2e-5)
    }
  }

  @Test(arguments: PEFTCase.all) func deltaWeightsEqualPEFTsMerge(golden: PEFTCase) throws {
    let adapter = try golden.adapter("adapter_trained")
    let tensors = try golden.tensors()
    let weights = try WeightFiles(directory: golden.path("model"))
    let deltas = DeltaWeights(adapter)
    for (index, module) in adapter.layout.modules.enumerated() {
      let shape = [module.outFeatures, module.inFeatures]
      let merged = try weights.matrix(module.name + ".weight", shape: shape).floats()
      merged.add(deltas.weight(ofModule: index))
      let expected = try tensors.tensor("merged.\(module.name).weight", dtype: .f32, shape: shape).floats()
      #expect(difference(merged, expected) < 2e-5, "\(module.name)")
    }
  }

  @Test(arguments: ["randlora-wide", "lora-wide", "randlora-sparse", "randlora-ragged-rank", "randlora-qwen3", "randlora-phi3"], [1, 1_000_000])
  func gradientsAgreeWithFiniteDifferences(name: String, tokens: Int) throws {
    let golden = PEFTCase(name)
    try checkGradients(
      of: golden.adapter("adapter_trained"), golden.model(), golden.batch(1), tokens: tokens)
  }

  @Test(arguments: ["randlora-wide", "lora-wide", "randlora-some-layers", "randlora-nf4"], [0, 0.2])
  func `layers that are gone through twice give the same gradient, bit for bit`(name: String, dropout: Double) throws {
    let golden = PEFTCase(name), batch = try golden.batch(1)
    let adapter = try golden.adapter("adapter_trained"), model = try golden.model()
    let gradients = try [0, 1, 2, 3].map { (recomputing: Int) -> [Float] in
      let active = model.activate(adapter, tokens: 100, training: true)
      let nll = model.lossAndGradient(
        batch, adapter: active, scale: 1, dropout: dropout == 0 ? nil : Dropout(probability: dropout, seed: 3, step: 5),
        recomputing: recomputing)
      return nll + (try #require(active.finishGradient())).array
    }
    for other in gradients.dropFirst() { #expect(other == gradients[0]) }
  }

  @Test func generationWithACacheContinuesAsTheWholeForwardPassWould() throws {
    let golden = PEFTCase("randlora-very-sparse")  // a sliding window of 8
    let model = try golden.model()
    let active = model.activate(try golden.adapter("adapter_trained"), tokens: 100, training: false)
    let prompts: [[Int32]] = [[5, 9, 17, 33], [8], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]
    let answers = try model.generate(prompts, maxNewTokens: 12, stopTokens: [], adapter: active)
    for (prompt, answer) in zip(prompts, answers) {
      var row = prompt
      for token in answer {
        let batch = MicroBatch(rows: [(row, row.map { _ in false })])
        let logits = model.logits(batch, adapter: active).array.suffix(160)
        let best = logits.enumerated().max { $0.element < $1.element }?.offset
        #expect(best == Int(token))
        row.append(token)
      }
      #expect(answer.count == 12)
    }
  }

  @Test func generationEndsAtAStopTokenAndAtTheContextLength() throws {
    let golden = PEFTCase("randlora-dense"), model = try golden.model()
    let free = try model.generate([[5, 9]], maxNewTokens: 5, stopTokens: [], adapter: nil)[0]
    let stopped = try model.generate([[5, 9]], maxNewTokens: 5, stopTokens: [free[2]], adapter: nil)[0]
    #expect(stopped == Array(free.prefix(free.firstIndex(of: free[2]) ?? 0)))
    let long = [Int32](repeating: 7, count: 250)
    #expect(try model.generate([long], maxNewTokens: 50, stopTokens: [], adapter: nil)[0].count == 7)
  }
}

/// Compares the gradient of every adapter parameter, with dropout and without, in both forms, with central differences.
/// - Parameter tokens: that share one set of parameters; many of them form ΔW.
func checkGradients(of adapter: Adapter, _ model: DecoderModel, _ batch: MicroBatch, tokens: Int) throws {
  for (dropout, active) in [
    (nil, ActiveAdapter(adapter, plan: UpdatePlan(tokens: tokens), training: true)),
    (nil, model.activate(adapter, tokens: tokens, training: true)),  // folds ΔW
    (
      Dropout(probability: 0.2, seed: 3, step: 5),
      ActiveAdapter(adapter, plan: UpdatePlan(tokens: tokens), training: true)
    ),
  ] {
    func loss() -> Double {
      active.refresh()
      let nll = model.lossAndGradient(batch, adapter: active, scale: 1, dropout: dropout)
      return nll.reduce(0) { $0 + Double($1) }
    }
    _ = loss()
    let gradient = try #require(active.finishGradient()).duplicate()
    let scale = Double(gradient.array.map(abs).max() ?? 0)
    var generator = SplitMix64(seed: 11)
    for entry in adapter.layout.entries {
      let index = entry.offset + generator.next(below: entry.count)
      let original = adapter.parameters[index], step: Float = 2e-3 * max(0.05, abs(original))
      adapter.parameters[index] = original + step
      let above = loss()
      adapter.parameters[index] = original - step
      let below = loss()
      adapter.parameters[index] = original
      let numeric = (above - below) / (2 * Double(step))
      #expect(abs(numeric - Double(gradient[index])) < 2e-2 * scale, "\(entry.name)[\(index - entry.offset)]")
    }
  }
}

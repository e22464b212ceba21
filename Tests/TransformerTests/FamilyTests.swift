import Adapters
import Checkpoint
import Tensor
import TestSupport
import Testing

@testable import Transformer

extension FamilyCase {
  fileprivate func model() throws -> DecoderModel {
    try DecoderModel(configuration(), weights: WeightFiles(directory: path("model")))
  }

  /// All rows, side by side; all tokens but a row's first are targets.
  fileprivate func batch() throws -> MicroBatch {
    MicroBatch(rows: try rows().map { ($0, $0.map { _ in true }) })
  }
}

@Suite struct FamilyTests {
  @Test(arguments: FamilyCase.all) func baseLogitsEqualTransformers(golden: FamilyCase) throws {
    let logits = try golden.model().logits(golden.batch(), adapter: nil)
    #expect(difference(logits, try golden.logits("base")) < 2e-5)
  }

  /// 1 token: RandLoRA's factors are used; a million: ΔW is formed and folded.
  @Test(arguments: FamilyCase.all, FamilyCase.adapters)
  func adaptedLogitsAndGradientsEqualPEFT(golden: FamilyCase, kind: String) throws {
    let adapter = try golden.adapter(kind), model = try golden.model(), batch = try golden.batch()
    for tokens in [1, 1_000_000] {
      let active = model.activate(adapter, tokens: tokens, training: true)
      #expect(difference(model.logits(batch, adapter: active), try golden.logits(kind)) < 2e-5)
      let scale = 1 / Float(batch.targets.count)
      _ = model.lossAndGradient(batch, adapter: active, scale: scale, dropout: nil)
      let gradient = try #require(active.finishGradient())
      for entry in adapter.layout.entries {
        let own = Tensor(Array(gradient.array[entry.range]), shape: entry.shape)
        #expect(difference(own, try golden.gradient(entry, of: kind)) < 2e-4, "\(entry.name)")
      }
    }
  }

  /// Dropout in front of the output head, tied or not, with and without a soft cap behind it.
  @Test(arguments: ["qwen2-head", "gemma2-head"], FamilyCase.adapters)
  func gradientsOfAnAdaptedHeadAgreeWithFiniteDifferences(name: String, kind: String) throws {
    let golden = FamilyCase(name), adapter = try golden.adapter(kind), batch = try golden.batch()
    for tokens in [1, 1_000_000] { try checkGradients(of: adapter, golden.model(), batch, tokens: tokens) }
    guard adapter.layout.modules.contains(where: \.isOutputHead) else { return }
    let active = ActiveAdapter(adapter, plan: UpdatePlan(tokens: 1), training: true), model = try golden.model()
    func loss(_ dropout: Dropout?) -> [Float] {
      model.lossAndGradient(batch, adapter: active, scale: 1, dropout: dropout)
    }
    let dropped = loss(Dropout(probability: 0.2, seed: 3, step: 5))
    #expect(dropped != loss(nil) && dropped == loss(Dropout(probability: 0.2, seed: 3, step: 5)))
  }

  /// Token by token, over windows and over the lengths at which rotations change.
  @Test(arguments: FamilyCase.all) func cachedLogitsEqualThoseWithoutACache(golden: FamilyCase) throws {
    let model = try golden.model(), row = try #require(golden.rows().last)
    let cache = model.cache(capacities: [row.count])
    for length in row.indices.map({ $0 + 1 }) {
      let prefix = Array(row.prefix(length))
      let cached = model.nextLogits([model.unseen(prefix, place: 0, cache: cache)], cache: cache, adapter: nil)
      let whole = model.logits(MicroBatch(rows: [(prefix, prefix.map { _ in false })]), adapter: nil)
      let last = Tensor(Array(whole.array.suffix(cached.count)), shape: cached.shape)
      #expect(difference(cached, last) < 2e-5, "after \(length) tokens")
    }
  }

  @Test func generationFillsTheCacheAgainWhereRotationsChange() throws {
    let golden = FamilyCase("phi3-longrope"), model = try golden.model()
    let prompts = try golden.rows().prefix(2).map { Array($0) }
    let answers = try model.generate(prompts, maxNewTokens: 14, stopTokens: [], adapter: nil)
    for (prompt, answer) in zip(prompts, answers) {
      var row = prompt
      for token in answer {
        let last = model.logits(MicroBatch(rows: [(row, row.map { _ in false })]), adapter: nil).array.suffix(40)
        #expect(zip(0..., last).max { $0.1 < $1.1 }?.0 == Int(token))
        row.append(token)
      }
      #expect(answer.count == 14)
    }
  }
}

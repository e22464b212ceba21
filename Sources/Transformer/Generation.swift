package import Adapters
import Checkpoint
package import Failures
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

/// How the next token is chosen.
package struct Sampling: Sendable, Equatable {
  /// 0 takes the likeliest token; larger values flatten the distribution.
  package var temperature: Double
  /// Only the likeliest tokens whose probabilities reach this sum take part.
  package var topP: Double
  package var seed: UInt64

  package static let greedy = Sampling(temperature: 0, topP: 1, seed: 0)

  package init(temperature: Double, topP: Double, seed: UInt64) {
    self.temperature = temperature
    self.topP = topP
    self.seed = seed
  }

  /// The chosen token's id; of equally likely ones the smallest.
  /// - Parameter logits: (V)
  func choose(_ logits: ArraySlice<Float>, generator: inout SplitMix64) -> Int32 {
    let ranked = logits.indices.map { (id: $0 - logits.startIndex, logit: logits[$0]) }
    guard temperature > 0 else {
      return Int32(ranked.max { ($0.logit, -$0.id) < ($1.logit, -$1.id) }?.id ?? 0)
    }
    let sorted = ranked.sorted { ($1.logit, $0.id) < ($0.logit, $1.id) }
    let top = Double(sorted.first?.logit ?? 0)
    let weights = sorted.map { exp((Double($0.logit) - top) / temperature) }
    let total = weights.reduce(0, +)
    var kept = 0, mass = 0.0
    while kept < weights.count, mass < topP * total {
      mass += weights[kept]
      kept += 1
    }
    var left = generator.nextUnit() * mass
    for index in 0..<kept {
      left -= weights[index]
      if left < 0 { return Int32(sorted[index].id) }
    }
    return Int32(sorted[max(0, kept - 1)].id)
  }
}

extension DecoderModel {
  /// Continues each prompt until a stop token, `maxNewTokens` or the model's context length is reached. A prompt that
  /// fills the context has no continuation.
  /// - Parameters:
  ///   - prompts: token ids, at least one each.
  ///   - onToken: called with the prompt's place and each new token as it comes; the stop token is not reported. What it throws
  ///     ends the generation.
  /// - Throws: `Failure.badData` when the model's output is not finite, and what `onToken` throws.
  /// - Returns: the new tokens of each prompt, without the stop token.
  package func generate(
    _ prompts: [[Int32]], maxNewTokens: Int, stopTokens: Set<Int32>, adapter: ActiveAdapter?,
    sampling: Sampling = .greedy, onToken: (Int, Int32) throws(Failure) -> Void = { _, _ in }
  ) throws(Failure) -> [[Int32]] {
    var results = prompts.map { _ in [Int32]() }
    let context = configuration.contextLength
    var active = prompts.indices.filter { prompts[$0].count < context }
    let cache = cache(capacities: active.map { min(prompts[$0].count + maxNewTokens, context) })
    var generators = prompts.indices.map { SplitMix64(seed: sampling.seed &+ UInt64($0)) }
    var inputs = active.map { prompts[$0] }
    while !active.isEmpty {
      let logits = nextLogits(inputs, cache: cache, adapter: adapter).array
      let V = configuration.vocabularySize
      var kept: [Int] = []
      inputs = []
      for (place, prompt) in active.enumerated() {
        let row = logits[place * V..<(place + 1) * V]
        guard row.allSatisfy(\.isFinite) else { throw Self.notFinite }
        let next = sampling.choose(row, generator: &generators[prompt])
        if stopTokens.contains(next) || results[prompt].count >= maxNewTokens { continue }
        results[prompt].append(next)
        try onToken(prompt, next)
        let length = prompts[prompt].count + results[prompt].count
        guard results[prompt].count < maxNewTokens, length <= context else { continue }
        kept.append(place)
        inputs.append(unseen(prompts[prompt] + results[prompt], place: place, cache: cache))
      }
      active = kept.map { active[$0] }
      cache.keep(rows: kept)
    }
    return results
  }

  /// Of logits that are infinite or no numbers.
  package static var notFinite: Failure {
    Failure(
      .badData, "what the model predicts is not finite",
      hint: "its training has diverged, or its weights are damaged: try a smaller --learning-rate")
  }
}

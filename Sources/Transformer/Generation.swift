package import Adapters
import Checkpoint
package import Failures
import Tensor

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

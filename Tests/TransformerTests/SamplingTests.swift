import Glibc
import Tensor
import Testing

@testable import Transformer

@Suite struct SamplingTests {
  /// How often each id is chosen, of many draws.
  private func shares(_ logits: [Float], temperature: Double, topP: Double, draws: Int = 4_000) -> [Double] {
    let sampling = Sampling(temperature: temperature, topP: topP, seed: 0)
    var generator = SplitMix64(seed: 1)
    var counts = logits.map { _ in 0 }
    for _ in 0..<draws { counts[Int(sampling.choose(logits[...], generator: &generator))] += 1 }
    return counts.map { Double($0) / Double(draws) }
  }

  @Test func withoutTemperatureTheLikeliestTokenIsChosen() {
    var generator = SplitMix64(seed: 0)
    #expect(Sampling.greedy.choose([0, 3, -1, 3][...], generator: &generator) == 1)
    #expect(Sampling.greedy.choose([9, 9, 0, 2, 1][2...], generator: &generator) == 1)
  }

  @Test(arguments: [0.5, 1, 2])
  func tokensComeAsOftenAsTheSoftmaxSays(temperature: Double) {
    let logits: [Float] = [0, 1.5, -1, 1, 1]
    let weights = logits.map { exp(Double($0) / temperature) }, total = weights.reduce(0, +)
    for (share, weight) in zip(shares(logits, temperature: temperature, topP: 1), weights) {
      #expect(abs(share - weight / total) < 0.035)
    }
  }

  /// Probabilities 0.4, 0.1, 0.3, 0.2: the fewest that reach 0.65 are the first and the third.
  @Test func onlyTheFewestThatReachTopPTakePart() {
    let logits = [0.4, 0.1, 0.3, 0.2].map { Float(log($0)) }
    let shares = shares(logits, temperature: 1, topP: 0.65)
    #expect(shares[1] == 0 && shares[3] == 0)
    #expect(abs(shares[0] - 4.0 / 7) < 0.035)
    #expect(self.shares(logits, temperature: 1, topP: 0.75)[3] > 0)
    #expect(self.shares(logits, temperature: 1, topP: 0.75)[1] == 0)
  }

  @Test func oneTokenAlwaysTakesPart() {
    #expect(shares([1, 1, 1, 1], temperature: 1, topP: 1e-300, draws: 100)[0] == 1)
    #expect(shares([-400, 400, 0], temperature: 1e-3, topP: 1, draws: 100)[1] == 1)
  }

  /// Against the whole list, sorted.
  @Test func whatIsTooLightToMatterChangesNothing() {
    var generator = SplitMix64(seed: 5)
    for topP in [0.1, 0.5, 0.9, 0.999] {
      let logits = (0..<500).map { _ in Float(generator.nextUnit() * 12) }
      let total = logits.reduce(0) { $0 + exp(Double($1)) }
      var mass = 0.0
      let expected = logits.indices.sorted { logits[$0] > logits[$1] }.prefix { id in
        defer { mass += exp(Double(logits[id])) }
        return mass < topP * total
      }
      let chosen = shares(logits, temperature: 1, topP: topP, draws: 200)
      let seen = Set(chosen.indices.filter { chosen[$0] > 0 })
      #expect(seen.isSubset(of: expected))
      if let likeliest = expected.first { #expect(seen.contains(likeliest)) }
    }
  }
}

import Testing

@testable import Tensor

@Suite struct AdamWTests {
  /// Two steps computed by hand in double precision from the definition in Loshchilov & Hutter.
  @Test func followsItsDefinition() {
    let optimizer = AdamW(weightDecay: 0.1)
    let p = Tensor([0.5, -0.25], shape: [2]), m = Tensor(2), v = Tensor(2)
    let gradients: [[Float]] = [[0.2, -0.4], [-0.1, 0.3]]
    var expected = [0.5, -0.25], em = [0.0, 0.0], ev = [0.0, 0.0]
    for (step, gradient) in gradients.enumerated() {
      optimizer.update(
        p, gradient: Tensor(gradient, shape: [2]), expAvg: m, expAvgSq: v, step: step + 1, learningRate: 0.01,
        gradientScale: 0.5)
      for i in 0..<2 {
        let g = Double(gradient[i]) * 0.5
        em[i] = 0.9 * em[i] + 0.1 * g
        ev[i] = 0.999 * ev[i] + 0.001 * g * g
        let c1 = step == 0 ? 0.1 : 0.19, c2 = step == 0 ? 0.001 : 0.001999
        expected[i] *= 1 - 0.01 * 0.1
        expected[i] -= 0.01 * (em[i] / c1) / ((ev[i] / c2).squareRoot() + 1e-8)
      }
      for i in 0..<2 { #expect(abs(Double(p[i]) - expected[i]) < 1e-7) }
    }
  }
}

@Suite struct SplitMix64Tests {
  /// The first outputs for seed 1234567 in the reference implementation (Vigna, splitmix64.c).
  @Test func matchesTheReference() {
    var generator = SplitMix64(seed: 1_234_567)
    #expect((0..<3).map { _ in generator.next() } == [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
    ])
  }

  @Test func boundedNumbersStayBelowTheBound() {
    var generator = SplitMix64(seed: 5)
    let numbers = (0..<1000).map { _ in generator.next(below: 7) }
    #expect(Set(numbers) == Set(0..<7))
  }
}

import Glibc
import Tensor

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
  /// - Parameter logits: (V), finite.
  func choose(_ logits: ArraySlice<Float>, generator: inout SplitMix64) -> Int32 {
    let likeliest = logits.indices.max { (logits[$0], $1) < (logits[$1], $0) } ?? logits.startIndex
    guard temperature > 0 else { return Int32(likeliest - logits.startIndex) }
    let top = Double(logits[likeliest])
    let weights = logits.map { exp((Double($0) - top) / temperature) }
    let candidates = candidates(weights)
    var left = generator.nextUnit() * candidates.reduce(0) { $0 + weights[$1] }
    let chosen = candidates.first {
      left -= weights[$0]
      return left < 0
    }
    return Int32(chosen ?? candidates[candidates.count - 1])
  }

  /// The ids that take part, by `topP`: the fewest whose weights reach its share of all.
  private func candidates(_ weights: [Double]) -> [Int] {
    guard topP < 1 else { return Array(weights.indices) }
    let total = weights.reduce(0, +)
    // Those that weigh less than this are together too light to be needed, so that few are left to sort.
    let least = (1 - topP) * total / Double(weights.count)
    let sorted = weights.indices.filter { weights[$0] >= least }.sorted { (weights[$1], $0) < (weights[$0], $1) }
    var mass = 0.0
    let last = sorted.firstIndex { id in
      mass += weights[id]
      return mass >= topP * total
    }
    return Array(sorted.prefix((last ?? sorted.count) + 1))
  }
}

import Tensor
import Transformer

/// Which rows each optimiser step sees: a pure function of the step, so that nothing needs to be remembered.
///
/// An epoch is all rows once, in windows of `batchSize · gradientAccumulationSteps`; the last window of an epoch may
/// be short, and none reaches into the next epoch (as transformers' Trainer counts).
package struct RowSchedule: Sendable {
  package let rows: Int
  let window: Int
  let seed: Int
  let shuffle: Bool

  package init(rows: Int, recipe: TrainingRecipe) {
    self.init(
      rows: rows, batchSize: recipe.batchSize, gradientAccumulationSteps: recipe.gradientAccumulationSteps,
      seed: recipe.seed, shuffle: recipe.shuffle)
  }

  package init(rows: Int, batchSize: Int, gradientAccumulationSteps: Int, seed: Int, shuffle: Bool) {
    self.rows = rows
    window = batchSize * gradientAccumulationSteps
    self.seed = seed
    self.shuffle = shuffle
  }

  package var stepsPerEpoch: Int { (rows + window - 1) / window }

  /// The rows of step `step` (counted from 0), in order.
  package func rows(ofStep step: Int) -> [Int] {
    let first = step % stepsPerEpoch * window
    let range = first..<min(first + window, rows)
    guard shuffle else { return Array(range) }
    return Array(order(ofEpoch: step / stepsPerEpoch)[range])
  }

  /// The most tokens that go through the model together in these steps.
  /// - Parameters:
  ///   - microBatchTokens: the most that a micro-batch of several rows has.
  ///   - length: of a row, by its number.
  func mostTokens(inSteps steps: Range<Int>, microBatchTokens: Int, length: (Int) -> Int) -> Int {
    guard !steps.isEmpty else { return 0 }
    var most = 0
    for epoch in steps.lowerBound / stepsPerEpoch...(steps.upperBound - 1) / stepsPerEpoch {
      let order = shuffle ? order(ofEpoch: epoch) : Array(0..<rows)
      for step in 0..<stepsPerEpoch where steps.contains(epoch * stepsPerEpoch + step) {
        let lengths = order[step * window..<min((step + 1) * window, rows)].map(length)
        for range in MicroBatch.ranges(lengths: lengths, tokens: microBatchTokens) {
          most = max(most, lengths[range].reduce(0, +))
        }
      }
    }
    return most
  }

  /// What the first `steps` steps see: so many times all rows, and then these.
  package func rowsSeen(after steps: Int) -> (epochs: Int, rest: [Int]) {
    let epoch = steps / stepsPerEpoch
    let rest = 0..<min(steps % stepsPerEpoch * window, rows)
    return (epoch, shuffle ? Array(order(ofEpoch: epoch)[rest]) : Array(rest))
  }

  /// A permutation by Fisher and Yates's shuffle.
  private func order(ofEpoch epoch: Int) -> [Int] {
    var generator = SplitMix64(seed: UInt64(truncatingIfNeeded: seed))
    generator = SplitMix64(seed: generator.next() ^ UInt64(epoch))
    var order = Array(0..<rows)
    for last in stride(from: rows - 1, to: 0, by: -1) {
      order.swapAt(last, generator.next(below: last + 1))
    }
    return order
  }
}

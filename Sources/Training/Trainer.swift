import Adapters
package import Datasets
package import Failures
package import Tensor
package import Transformer

/// What one optimiser step did.
package struct StepMetrics: Sendable {
  /// Counted from 1.
  package let step: Int
  /// Mean negative log-likelihood (nats) over the supervised tokens of the step.
  package let loss: Double
  /// Before clipping.
  package let gradientNorm: Double
  package let learningRate: Double
  package let tokens: Int
  package let supervisedTokens: Int
}

/// Advances a training state one optimiser step at a time, in the memory of the state that it was given.
package final class Trainer {
  package private(set) var state: TrainingState
  package let recipe: TrainingRecipe
  private let model: DecoderModel
  private let rows: TokenRows
  private let schedule: RowSchedule
  private let active: ActiveAdapter
  /// The gradient of the last step before clipping, laid out as the adapter's parameters are, until the next one.
  package private(set) var lastGradient: Tensor?
  /// Whether parameters or gradients have changed since the updates were formed.
  private var isStale = false

  /// The most tokens of a micro-batch of more than one row, however many rows a batch has: enough for products at their full
  /// rate, and few enough for their activations to be held. What a row sees and how much it counts do not depend on it.
  static let microBatchTokens = 512

  /// Layers, from the lowest adapted one up, whose activations are formed again in the backward pass.
  private let recomputedLayers: Int

  /// - Parameter recomputedLayers: how many layers' activations are not kept; the result does not depend on it.
  package init(
    model: DecoderModel, rows: TokenRows, state: TrainingState, recipe: TrainingRecipe, recomputedLayers: Int = 0
  ) {
    self.model = model
    self.rows = rows
    self.state = state
    self.recipe = recipe
    schedule = RowSchedule(rows: rows.count, recipe: recipe)
    self.recomputedLayers = recomputedLayers
    active = model.activate(state.adapter, tokens: recipe.tokensPerStep(rows: rows), training: true)
  }

  /// Takes one step over the whole accumulation window, whose loss is the mean over all its supervised tokens.
  /// - Throws: `Failure.badData` when the loss is not finite; the state stays as it was.
  package func step() throws(Failure) -> StepMetrics {
    if isStale { active.refresh() }
    isStale = true
    let window = schedule.rows(ofStep: state.step).enumerated().map { (key: UInt32($0), row: rows[$1]) }
    let ranges = MicroBatch.ranges(lengths: window.map(\.row.ids.count), tokens: Self.microBatchTokens)
    let batches = ranges.map { range in
      MicroBatch(rows: window[range].map { ($0.row.ids, $0.row.supervised) }, keys: window[range].map(\.key))
    }
    let targets = batches.reduce(0) { $0 + $1.targets.count }
    var total = 0.0
    for batch in batches {
      let nll = model.lossAndGradient(batch, adapter: active, scale: 1 / Float(max(1, targets)), dropout: dropout,
        recomputing: recomputedLayers)
      total += nll.reduce(0) { $0 + Double($1) }
    }
    let loss = total / Double(max(1, targets))
    return try update(
      loss: loss, tokens: batches.reduce(0) { $0 + $1.tokens.count }, targets: targets, rows: window.count)
  }

  private func update(loss: Double, tokens: Int, targets: Int, rows: Int) throws(Failure) -> StepMetrics {
    guard let gradient = active.finishGradient() else { preconditionFailure("a trainer's adapter has gradients") }
    let norm = gradient.sumOfSquares.squareRoot()
    guard loss.isFinite, norm.isFinite else {
      throw Failure(
        .badData, "training diverged at step \(state.step + 1): loss \(loss.magnitude), gradient norm \(norm.magnitude)",
        hint: "try a smaller --learning-rate, a longer warm-up or a smaller --max-grad-norm")
    }
    lastGradient = gradient
    let clip = recipe.maxGradientNorm > 0 ? min(1, recipe.maxGradientNorm / (norm + 1e-6)) : 1
    let learningRate = recipe.learningRate(ofStep: state.step)
    recipe.optimizer.update(
      state.adapter.parameters, gradient: gradient, expAvg: state.moments.average,
      expAvgSq: state.moments.squaredAverage, step: state.step + 1, learningRate: learningRate, gradientScale: clip)
    state.moments = AdapterMoments(
      step: state.step + 1, average: state.moments.average, squaredAverage: state.moments.squaredAverage)
    state.rowsSeen += rows
    state.tokensSeen += tokens
    state.supervisedTokensSeen += targets
    state.loss = loss
    state.learningRate = learningRate
    return StepMetrics(
      step: state.step, loss: loss, gradientNorm: norm, learningRate: learningRate, tokens: tokens,
      supervisedTokens: targets)
  }

  private var dropout: Dropout? {
    let probability = state.adapter.configuration.dropout
    guard probability > 0 else { return nil }
    return Dropout(
      probability: probability, seed: UInt32(truncatingIfNeeded: recipe.seed),
      step: UInt32(truncatingIfNeeded: state.step))
  }
}

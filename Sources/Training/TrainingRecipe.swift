import Datasets
package import Failures
package import JSON
package import Tensor

/// Everything besides base, data and first adapter that decides what training computes.
package struct TrainingRecipe: Sendable, Equatable {
  /// The peak rate.
  package var learningRate: Double
  package var schedule: LearningRateSchedule
  package var horizon: LearningRateSchedule.Horizon
  package var optimizer: AdamW
  /// The gradient's norm is cut to this; 0: never.
  package var maxGradientNorm: Double
  /// Rows a batch.
  package var batchSize: Int
  /// Batches an optimiser step; only the rows of all of them together count.
  package var gradientAccumulationSteps: Int
  /// Of the row order and of dropout.
  package var seed: Int
  /// Whether each epoch visits the rows in an order of its own, or all in the order of the dataset.
  package var shuffle: Bool

  package init(
    learningRate: Double, schedule: LearningRateSchedule, horizon: LearningRateSchedule.Horizon, optimizer: AdamW,
    maxGradientNorm: Double, batchSize: Int, gradientAccumulationSteps: Int, seed: Int, shuffle: Bool
  ) {
    self.learningRate = learningRate
    self.schedule = schedule
    self.horizon = horizon
    self.optimizer = optimizer
    self.maxGradientNorm = maxGradientNorm
    self.batchSize = batchSize
    self.gradientAccumulationSteps = gradientAccumulationSteps
    self.seed = seed
    self.shuffle = shuffle
  }

  /// The rate of a step, counted from 0.
  package func learningRate(ofStep step: Int) -> Double { learningRate * schedule.factor(at: step, horizon) }

  /// About how many tokens an optimiser step has.
  func tokensPerStep(rows: TokenRows) -> Int {
    max(1, batchSize * gradientAccumulationSteps * rows.tokenCount / max(1, rows.count))
  }

  /// The parameters that influence the state after `step` steps: what the key of that state holds.
  ///
  /// The horizon is among them only once a rate depended on it, so that a longer run shares the beginning of a
  /// shorter one wherever it can.
  package func influences(step: Int) -> JSONObject {
    guard step > 0 else { return JSONObject() }
    var parameters: JSONObject = [
      "learning-rate": .number(learningRate),
      "lr-scheduler-type": .string(schedule.rawValue),
      "warmup-steps": .integer(horizon.warmupSteps),
      "weight-decay": .number(optimizer.weightDecay),
      "adam-beta1": .number(optimizer.beta1),
      "adam-beta2": .number(optimizer.beta2),
      "adam-epsilon": .number(optimizer.epsilon),
      "max-grad-norm": .number(maxGradientNorm),
      "batch-size": .integer(batchSize),
      "gradient-accumulation-steps": .integer(gradientAccumulationSteps),
      "seed": .integer(seed),
      "shuffle": .bool(shuffle),
    ]
    if schedule.dependsOnHorizon(before: step, horizon) {
      parameters["max-steps"] = .integer(horizon.totalSteps)
      if schedule == .warmupStableDecay { parameters["decay-steps"] = .integer(horizon.decaySteps) }
    }
    return parameters
  }

  /// Refuses to continue a state that was reached by another recipe.
  /// - Parameters:
  ///   - recorded: what the checkpoint says influenced it.
  ///   - step: the checkpoint's step.
  package func check(continues recorded: JSONObject, step: Int) throws(Failure) {
    let own = influences(step: step)
    let names = recorded.keys + own.keys.filter { recorded[$0] == nil }
    for name in names where recorded[name] != own[name] {
      func text(_ value: JSON?) -> String { value.map { $0.text(indent: 0) } ?? "not set" }
      throw Failure(
        .badData,
        "the checkpoint at step \(step) was trained with \(name) \(text(recorded[name])), "
          + "this call asks for \(text(own[name]))",
        hint: "give the same --\(name), or start anew with init-adapter --from-adapter")
    }
  }
}

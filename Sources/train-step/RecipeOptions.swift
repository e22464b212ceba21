import ArgumentParser
import Failures
import JSON
import StageSupport
import Tensor
import Training

extension LearningRateSchedule: ExpressibleByArgument, ParameterValue {
  /// transformers' `constant` takes no warm-up, and has a second name for the one that does.
  public init?(argument: String) { self.init(rawValue: argument == "constant_with_warmup" ? "constant" : argument) }
}

/// The options that make up a training recipe.
struct RecipeOptions: ParsableArguments {
  @Option(help: "The horizon in optimiser steps; overrides --num-epochs.")
  var maxSteps: Int?
  @Option(help: "The horizon in passes over the train rows.")
  var numEpochs: Double = 1
  @Option(help: "The peak learning rate.")
  var learningRate: Double = 3e-4
  @Option(help: "How the learning rate moves after the warm-up: linear, cosine, constant or warmup_stable_decay.")
  var lrSchedulerType = LearningRateSchedule.linear
  @Option(help: "Steps over which the learning rate rises to its peak; overrides --warmup-ratio.")
  var warmupSteps: Int?
  @Option(help: "The same, as a share of the horizon.")
  var warmupRatio: Double = 0
  @Option(help: "Steps of the decay of warmup_stable_decay; without it, a tenth of the horizon.")
  var decaySteps: Int?
  @Option(help: "Rows of a batch. What a step computes and holds in memory does not depend on how its rows are batched.")
  var batchSize = 4
  @Option(help: "Batches whose gradients make one optimiser step.")
  var gradientAccumulationSteps = 4
  @Option(help: "AdamW's decoupled weight decay.")
  var weightDecay: Double = 0.01
  @Option(name: .customLong("adam-beta1"), help: "AdamW's decay of the first moment.")
  var adamBeta1: Double = 0.9
  @Option(name: .customLong("adam-beta2"), help: "AdamW's decay of the second moment.")
  var adamBeta2: Double = 0.999
  @Option(help: "AdamW's epsilon.")
  var adamEpsilon: Double = 1e-8
  @Option(help: "The gradient's norm is cut to this; 0 never cuts.")
  var maxGradNorm: Double = 1
  @Option(help: "Decides the order of the rows and what dropout drops.")
  var seed = 0
  @Flag(inversion: .prefixedNo, help: "Give each epoch an order of its own.")
  var shuffle = true
  @Flag(help: "Also write the last step's gradients, before clipping, as gradients.safetensors.")
  var saveGradients = false

  /// More steps than any run has.
  private static let stepLimit = 1_000_000_000

  /// Refuses values that no run can have.
  func check() throws(Failure) {
    func require(_ holds: Bool, _ flag: String, _ range: String) throws(Failure) {
      if !holds { throw Failure(.usage, "--\(flag) must be \(range)") }
    }
    try require(learningRate > 0 && learningRate.isFinite, "learning-rate", "a number greater than 0")
    try require((1...Self.stepLimit).contains(maxSteps ?? 1), "max-steps", "from 1 to \(Self.stepLimit)")
    try require(numEpochs > 0 && numEpochs < 1e6, "num-epochs", "greater than 0 and below 1000000")
    try require((0...Self.stepLimit).contains(warmupSteps ?? 0), "warmup-steps", "from 0 to \(Self.stepLimit)")
    try require((0...1).contains(warmupRatio), "warmup-ratio", "from 0 to 1")
    try require((0...Self.stepLimit).contains(decaySteps ?? 0), "decay-steps", "from 0 to \(Self.stepLimit)")
    try require((1...65_536).contains(batchSize), "batch-size", "from 1 to 65536")
    try require(
      (1...65_536).contains(gradientAccumulationSteps), "gradient-accumulation-steps", "from 1 to 65536")
    try require(weightDecay >= 0 && weightDecay.isFinite, "weight-decay", "a number of at least 0")
    try require((0..<1).contains(adamBeta1), "adam-beta1", "at least 0 and below 1")
    try require((0..<1).contains(adamBeta2), "adam-beta2", "at least 0 and below 1")
    try require(adamEpsilon > 0 && adamEpsilon.isFinite, "adam-epsilon", "a number greater than 0")
    try require(maxGradNorm >= 0 && maxGradNorm.isFinite, "max-grad-norm", "a number of at least 0")
    try require((0...Int(UInt32.max)).contains(seed), "seed", "from 0 to \(UInt32.max)")
  }

  /// The recipe for a dataset of so many train rows.
  func recipe(rows: Int) throws(Failure) -> TrainingRecipe {
    let schedule = RowSchedule(
      rows: rows, batchSize: batchSize, gradientAccumulationSteps: gradientAccumulationSteps, seed: seed,
      shuffle: shuffle)
    let total = maxSteps ?? max(1, Int((numEpochs * Double(schedule.stepsPerEpoch)).rounded(.up)))
    let warmup = warmupSteps ?? Int((warmupRatio * Double(total)).rounded(.up))
    if lrSchedulerType == .warmupStableDecay, let decaySteps, warmup + decaySteps > total {
      throw Failure(
        .usage, "a warm-up of \(warmup) steps and --decay-steps \(decaySteps) are more than the horizon of \(total)",
        hint: "make one of them shorter, or the horizon longer")
    }
    let horizon = LearningRateSchedule.Horizon(
      totalSteps: total, warmupSteps: warmup, decaySteps: min(decaySteps ?? (total + 9) / 10, total))
    return TrainingRecipe(
      learningRate: learningRate, schedule: lrSchedulerType, horizon: horizon,
      optimizer: AdamW(beta1: adamBeta1, beta2: adamBeta2, epsilon: adamEpsilon, weightDecay: weightDecay),
      maxGradientNorm: maxGradNorm, batchSize: batchSize, gradientAccumulationSteps: gradientAccumulationSteps,
      seed: seed, shuffle: shuffle)
  }

  /// What the published state after `step` steps depends on: the recipe's part, and whether gradients lie beside it.
  func influences(_ recipe: TrainingRecipe, step: Int) -> JSONObject {
    var parameters = recipe.influences(step: step)
    if saveGradients, step > 0 { parameters["save-gradients"] = true }
    return parameters
  }
}

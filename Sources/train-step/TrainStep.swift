import Adapters
import ArgumentParser
import Artifacts
import Checkpoint
import Datasets
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor
import Training

/// Advances a checkpoint by some optimiser steps and publishes the next one.
@main struct TrainStep: StageCommand {
  static let stage = StageDescription(
    name: "train-step", revision: 5,
    inputs: [.required("base", .base), .required("dataset", .dataset), .required("checkpoint", .checkpoint)],
    output: .checkpoint,
    parameters: [
      .never("steps"), .fromStep("max-steps"), .fromStep("num-epochs"), .fromStep("learning-rate"),
      .fromStep("lr-scheduler-type"), .fromStep("warmup-steps"), .fromStep("warmup-ratio"),
      .fromStep("decay-steps"), .fromStep("batch-size"), .fromStep("gradient-accumulation-steps"),
      .fromStep("weight-decay"), .fromStep("adam-beta1"), .fromStep("adam-beta2"), .fromStep("adam-epsilon"),
      .fromStep("max-grad-norm"), .fromStep("seed"), .fromStep("shuffle"), .fromStep("save-gradients"),
      .never("device"), .never("threads"), .never("memory"), .never("influences"),
      .never("plan"),
    ],
    segmented: true,
    abstract: "Train an adapter: advance a checkpoint by some optimiser steps.",
    discussion: """
      The horizon (--max-steps or --num-epochs) fixes the learning rate's schedule; --steps says only how far this \
      call goes. What a step needs in memory is printed before the first one. One call of 40 steps and forty calls of one step give the same bytes. On Ctrl-C the step in hand is \
      finished and OUTPUT.partial published; the same command continues from there.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var computing: ComputeOptions

  @Option(help: "The base model the adapter is trained on.", completion: .directory)
  var base: String?
  @Option(help: "The dataset whose train rows it learns from.", completion: .directory)
  var dataset: String?
  @Option(help: "The checkpoint to start from: of init-adapter, or of an earlier train-step.", completion: .directory)
  var checkpoint: String?
  @Option(help: "How many steps this call takes; without it, all that are left until the horizon.")
  var steps: Int?
  @Option(
    help: """
      The most memory to use, mapped weights included: 4GB, 800MB. To stay below it, activations of some layers are \
      formed a second time in the backward pass; the result does not depend on it.
      """)
  var memory: String?
  @Option(help: "Print the parameters that influence the state after this many steps, as JSON, and exit.")
  var influences: Int?
  @Flag(
    help: "Print how many steps the horizon has and, with --base and --checkpoint, what a step needs in memory, as JSON, and exit."
  )
  var plan = false

  mutating func resolve() throws {
    if let steps, steps < 1 { throw Failure(.usage, "--steps must be at least 1, found \(steps)") }
    if let memory, ShardPlan.bytes(memory) == nil {
      throw Failure(.usage, "--memory: '\(memory)' is no size", hint: "write 4GB, 800MB or 1.5GiB")
    }
    try recipe.check()
  }

  func answer() throws -> String? {
    guard plan || influences != nil else { return nil }
    guard let dataset else { throw Failure(.usage, "--plan and --influences need --dataset") }
    let rows = try DatasetArtifact.rowCount(try Artifact.open(dataset, as: .dataset), split: "train")
    let recipe = try recipe.recipe(rows: rows)
    if let influences {
      guard (0...recipe.horizon.totalSteps).contains(influences) else {
        throw Failure(
          .usage, "--influences must be a step from 0 to the horizon \(recipe.horizon.totalSteps), found \(influences)")
      }
      return JSON.object(self.recipe.influences(recipe, step: influences)).text(indent: 0)
    }
    var answer: JSONObject = ["total_steps": .integer(recipe.horizon.totalSteps)]
    if let base, let checkpoint {
      let base = try BaseModel(try Artifact.open(base, as: .base))
      let state = try CheckpointArtifact(try Artifact.open(checkpoint, as: .checkpoint), model: base.configuration).state
      let dataset = try Artifact.open(dataset, as: .dataset)
      let start = min(state.step, recipe.horizon.totalSteps)
      let memory = try MemoryPlan(
        model: base.model(), adapter: state.adapter,
        rows: DatasetArtifact.rows(dataset, split: "train", for: base), recipe: recipe,
        steps: start..<min(recipe.horizon.totalSteps, steps.map { start + $0 } ?? .max),
        threads: computing.threadCount(), limit: memory.flatMap(ShardPlan.bytes))
      answer["memory"] = .object(memory.json)
    }
    return JSON.object(answer).text(indent: 0)
  }

  mutating func execute(_ stage: Stage) throws {
    Parallel.threads = try computing.threadCount()
    let segment = try TrainingSegment(
      stage: stage, recipe: recipe, steps: steps, memory: memory.flatMap(ShardPlan.bytes),
      base: BaseModel(try stage.input("base")))
    try segment.run()
  }
}

import Adapters
import Artifacts
import Checkpoint
import Datasets
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor
import Training

/// One call's worth of training: from where its checkpoint (or an interrupted call's remains) stands to its target.
struct TrainingSegment {
  private let stage: Stage
  private let options: RecipeOptions
  private let recipe: TrainingRecipe
  private let base: BaseModel
  private let dataset: Artifact
  private let rows: TokenRows
  private let state: TrainingState
  /// The seed of the adapter's initialisation, handed on.
  private let seed: Int
  /// The step after which this call ends.
  private let target: Int
  /// The step at which the checkpoint stands.
  private let start: Int
  /// The most memory to use, in bytes.
  private let memory: Int?
  /// What an interrupted call of the same segment measured.
  private let earlierMetrics: [JSON]

  init(stage: Stage, recipe options: RecipeOptions, steps: Int?, memory: Int?, base: BaseModel) throws {
    self.stage = stage
    self.options = options
    self.base = base
    self.memory = memory
    dataset = try stage.input("dataset")
    rows = try DatasetArtifact.rows(dataset, split: "train", for: base)
    try stage.require("checkpoint", names: "base", of: "base")
    try stage.require("checkpoint", names: "dataset", of: "dataset")
    let recipe = try options.recipe(rows: rows.count)
    let checkpoint = try CheckpointArtifact(try stage.input("checkpoint"), model: base.configuration)
    let start = checkpoint.state.step
    var recorded = checkpoint.recipe
    recorded["save-gradients"] = nil  // a file beside the state, which does not enter the next one
    try recipe.check(continues: recorded, step: start)
    try CheckpointArtifact.check(try stage.input("checkpoint"), stands: start, under: recipe, rows: rows)
    seed = checkpoint.seed
    guard start < recipe.horizon.totalSteps else {
      throw Failure(
        .badData, "the checkpoint is at step \(start), and the horizon is \(recipe.horizon.totalSteps) steps",
        hint: "nothing is left to train; give a larger --max-steps or --num-epochs")
    }
    let target = min(recipe.horizon.totalSteps, steps.map { start + $0 } ?? recipe.horizon.totalSteps)
    // Where a request to stop will leave the state.
    try ArtifactWriter.check(output: ArtifactWriter.partial(of: stage.output))
    try stage.refuseOther([
      "base": .string(base.artifact.digest.hex), "dataset": .string(dataset.digest.hex), "step": .integer(target),
      "recipe": .object(options.influences(recipe, step: target)),
    ])
    let remains = try Self.remains(
      of: stage.output, base: base, dataset: dataset, between: start, and: target,
      recipe: { options.influences(recipe, step: $0) })
    (self.recipe, self.start, self.target) = (recipe, start, target)
    state = remains?.checkpoint.state ?? checkpoint.state
    earlierMetrics = remains?.metrics ?? []
  }

  /// What an interrupted call of the same segment left, if it goes further than the checkpoint.
  ///
  /// - Throws: `Failure.outputExists` when it is the state of another run, which may be hours of work.
  private static func remains(
    of output: String, base: BaseModel, dataset: Artifact, between start: Int, and target: Int,
    recipe: (Int) -> JSONObject
  ) throws(Failure) -> (checkpoint: CheckpointArtifact, metrics: [JSON])? {
    let partial = ArtifactWriter.partial(of: output)
    guard let artifact = try? Artifact.open(partial, as: [.checkpoint]),
      let step = artifact.section.value["step"]?.integerValue
    else { return nil }
    var held = artifact.section.value["recipe"]?.objectValue ?? JSONObject(), wanted = recipe(step)
    for name in ["base", "dataset"] { held[name] = artifact.section.value[name] }
    (wanted["base"], wanted["dataset"]) = (.string(base.artifact.digest.hex), .string(dataset.digest.hex))
    let differing = (held.keys + wanted.keys).first { held[$0] != wanted[$0] }
    guard differing == nil, step <= target else {
      throw Failure(
        .outputExists,
        "'\(partial)' holds step \(step) of an interrupted run"
          + (differing.map { " with another \($0)" } ?? ", which is beyond step \(target)"),
        hint: "give what that run was given to go on with it; else remove it, or give another --output")
    }
    guard step > start, let checkpoint = try? CheckpointArtifact(artifact, model: base.configuration) else { return nil }
    return (checkpoint, artifact.runRecord?["metrics"]?.arrayValue ?? [])
  }

  func run() throws {
    let model = try base.model()
    let plan = try MemoryPlan(
      model: model, adapter: state.adapter, rows: rows, recipe: recipe, steps: state.step..<target,
      threads: Parallel.threads, limit: memory)
    if stage.console.form != .json { stage.console.table(plan.table) }
    let trainer = Trainer(
      model: model, rows: rows, state: state, recipe: recipe, recomputedLayers: plan.recomputedLayers)
    let horizon = recipe.horizon
    if horizon.warmupSteps > horizon.totalSteps {
      stage.console.warn(
        "the warm-up of \(horizon.warmupSteps) steps is longer than the horizon of \(horizon.totalSteps): the learning rate "
          + "never reaches its peak")
    }
    if state.step > start { stage.console.note("continuing at step \(state.step) of \(target)") }
    let bar = stage.console.progress("training", total: target, unit: "step", startingAt: state.step)
    var metrics = earlierMetrics
    while trainer.state.step < target, !Interruption.isRequested {
      let began = Console.monotonicSeconds()
      let step = try trainer.step()
      metrics.append(record(step, seconds: Console.monotonicSeconds() - began))
      bar.update(step.step, [("loss", step.loss), ("lr", step.learningRate)])
    }
    bar.finish()
    if trainer.state.step == start { try Interruption.check() }
    try publish(trainer, metrics: metrics)
  }

  private func publish(_ trainer: Trainer, metrics: [JSON]) throws {
    let isComplete = trainer.state.step == target
    let writer = try ArtifactWriter(output: stage.output, kind: .checkpoint)
    let checkpoint = CheckpointArtifact(
      state: trainer.state, base: base.artifact.digest, dataset: dataset.digest,
      recipe: options.influences(recipe, step: trainer.state.step), seed: seed)
    let section = try checkpoint.write(into: writer)
    if options.saveGradients, let gradient = trainer.lastGradient {
      try trainer.state.adapter.layout.write(gradient, to: try writer.path(for: "gradients.safetensors"))
    }
    let environment: JSONObject = ["instructions": .string(MatMul.level)]
    if isComplete {
      try stage.publish(writer, section: section, metrics: metrics, environment: environment)
    } else {
      let record = stage.runRecord(metrics: metrics, environment: environment)
      _ = try writer.publishPartial(section: section, run: record)
      throw Failure(
        .interrupted, "stopped after step \(trainer.state.step) of \(target); '\(ArtifactWriter.partial(of: stage.output))' holds the state",
        hint: "run the same command again to continue")
    }
  }

  private func record(_ step: StepMetrics, seconds: Double) -> JSON {
    [
      "step": .integer(step.step), "loss": .number(step.loss), "gradient_norm": .number(step.gradientNorm),
      "learning_rate": .number(step.learningRate), "tokens": .integer(step.tokens),
      "tokens_per_second": .number(Double(step.tokens) / max(seconds, 1e-9)),
      "peak_memory_bytes": .integer(RunRecord.peakMemory),
    ]
  }
}

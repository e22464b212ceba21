package import Adapters
package import Artifacts
package import Checkpoint
package import Datasets
package import Failures
package import JSON
package import Training

/// A `checkpoint` artifact as a training state, and back.
///
/// Its files are a PEFT adapter (`adapter_config.json`, `adapter_model.safetensors`, with RandLoRA's bases only where
/// they cannot be drawn again) and, from the first step on, `optimizer.safetensors` with AdamW's moments.
package struct CheckpointArtifact: Sendable {
  package let state: TrainingState
  /// The base that the adapter belongs to.
  package let base: Digest
  /// The dataset that it was trained on; nil before the first step.
  package let dataset: Digest?
  /// The parameters that influenced the state; empty before the first step.
  package let recipe: JSONObject
  /// The seed of the adapter's initialisation.
  package let seed: Int

  /// A state as it will be written.
  package init(state: TrainingState, base: Digest, dataset: Digest?, recipe: JSONObject, seed: Int) {
    self.state = state
    self.base = base
    self.dataset = dataset
    self.recipe = recipe
    self.seed = seed
  }

  /// Reads a checkpoint.
  /// - Parameter model: the configuration of the base that it belongs to.
  /// - Throws: `Failure.badData` naming file and field, or the tensor that is missing, left over or not finite.
  package init(_ artifact: Artifact, model: ModelConfiguration) throws(Failure) {
    let section = artifact.section
    let adapter = try Self.adapter(artifact, model: model)
    let step = try section.field("step").integer(in: 0...)
    let moments =
      step == 0
      ? AdapterMoments(layout: adapter.layout)
      : try AdapterMoments(path: try artifact.path(of: AdapterMoments.file), layout: adapter.layout)
    guard moments.step == step else {
      throw try section.field("step").failure("step \(step), but \(AdapterMoments.file) is of step \(moments.step)")
    }
    if step == 0 { try section.require(Self.untrained, as: "/checkpoint/step") }
    state = TrainingState(
      adapter: adapter, moments: moments,
      rowsSeen: try section.field("rows_seen").integer(in: 0...),
      tokensSeen: try section.field("tokens_seen").integer(in: 0...),
      supervisedTokensSeen: try section.field("supervised_tokens_seen").integer(in: 0...),
      loss: step == 0 ? nil : try section.field("loss").double(),
      learningRate: step == 0 ? nil : try section.field("learning_rate").double())
    base = try Self.digest(section.field("base"))
    dataset = try section.optional("dataset").map { (cursor) throws(Failure) in try Self.digest(cursor) }
    recipe = section.value["recipe"]?.objectValue ?? JSONObject()
    seed = try section.field("seed").integer()
  }

  /// What the manifest says where nothing has been trained.
  private static let untrained: JSONObject = [
    "dataset": nil, "recipe": nil, "rows_seen": 0, "tokens_seen": 0, "supervised_tokens_seen": 0, "loss": nil,
    "learning_rate": nil,
  ]

  /// Refuses a checkpoint that does not stand where its steps under a recipe lead.
  package static func check(
    _ artifact: Artifact, stands step: Int, under recipe: TrainingRecipe, rows: TokenRows
  ) throws(Failure) {
    guard step > 0 else { return }
    let (epochs, rest) = RowSchedule(rows: rows.count, recipe: recipe).rowsSeen(after: step)
    func seen(_ all: Int, _ part: (Int) -> Int) -> JSON { .integer(epochs * all + rest.reduce(0) { $0 + part($1) }) }
    try artifact.section.require(
      [
        "rows_seen": seen(rows.count) { _ in 1 },
        "tokens_seen": seen(rows.tokenCount, rows.length(ofRow:)),
        "supervised_tokens_seen": seen(rows.supervisedCount, rows.supervisedCount(ofRow:)),
        "learning_rate": .number(recipe.learningRate(ofStep: step - 1)),
      ], as: "/checkpoint/recipe")
  }

  /// The adapter alone, for those who do not train.
  package static func adapter(_ artifact: Artifact, model: ModelConfiguration) throws(Failure) -> Adapter {
    for file in [Adapter.configurationFile, Adapter.weightsFile] { _ = try artifact.path(of: file) }  // nothing unlisted is read
    let adapter = try Adapter(
      directory: artifact.directory, modules: model.adaptableModules, tensors: model.trainableTensors)
    try artifact.section.require(facts(adapter), as: Adapter.configurationFile)
    return adapter
  }

  /// The adapters of several checkpoints of one base, added up.
  /// - Parameter weights: one for each checkpoint; none: all are 1.
  package static func adapters(
    _ artifacts: [Artifact], weights: [Double], model: ModelConfiguration
  ) throws(Failure) -> WeightedAdapters {
    let parts = try artifacts.enumerated().map { index, artifact throws(Failure) in
      WeightedAdapters.Part(
        name: artifact.directory, adapter: try adapter(artifact, model: model), weight: weights.isEmpty ? 1 : weights[index])
    }
    return try WeightedAdapters(parts, among: model.adaptableModules)
  }

  /// What the manifest says of the adapter's files.
  private static func facts(_ adapter: Adapter) -> JSONObject {
    let origin =
      switch adapter.basesOrigin {
      case .generated: "generated"
      case .stored: "stored"
      case .absent: "none"
      }
    return [
      "adapter": adapter.configuration.peftJSON(
        baseModel: nil, revision: nil, saveProjection: adapter.basesOrigin == .stored),
      "trainable_parameters": .integer(adapter.layout.count),
      "bases": .string(origin),
    ]
  }

  private static func digest(_ cursor: JSONCursor) throws(Failure) -> Digest {
    guard let digest = Digest(hex: try cursor.string()) else { throw cursor.failure("expected a SHA-256 digest") }
    return digest
  }

  /// Writes the state's files.
  /// - Returns: the manifest's section.
  package func write(into writer: ArtifactWriter) throws(Failure) -> JSONObject {
    let adapter = state.adapter
    try adapter.write(
      baseModel: nil, revision: nil, saveProjection: adapter.basesOrigin == .stored
    ) { name throws(Failure) in try writer.path(for: name) }
    if state.moments.step > 0 {
      try state.moments.write(to: try writer.path(for: AdapterMoments.file), layout: adapter.layout)
    }
    let isTrained = state.moments.step > 0
    var section = Self.facts(adapter)
    let further: JSONObject = [
      "base": .string(base.hex),
      "dataset": dataset.map { .string($0.hex) } ?? .null,
      "step": .integer(state.moments.step),
      "rows_seen": .integer(state.rowsSeen),
      "tokens_seen": .integer(state.tokensSeen),
      "supervised_tokens_seen": .integer(state.supervisedTokensSeen),
      "recipe": isTrained ? .object(recipe) : .null,
      "seed": .integer(seed),
      "loss": state.loss.map { .number($0) } ?? .null,
      "learning_rate": state.learningRate.map { .number($0) } ?? .null,
    ]
    for (name, value) in further.members { section[name] = value }
    return section
  }
}

import Adapters
package import Artifacts
package import Checkpoint
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
    let adapter = try Adapter(directory: artifact.directory, modules: model.linearModules)
    let step = try section.field("step").integer(in: 0...)
    let moments =
      step == 0
      ? AdapterMoments(layout: adapter.layout)
      : try AdapterMoments(path: try artifact.path(of: AdapterMoments.file), layout: adapter.layout)
    guard moments.step == step else {
      throw try section.field("step").failure("step \(step), but \(AdapterMoments.file) is of step \(moments.step)")
    }
    state = TrainingState(
      adapter: adapter, moments: moments,
      rowsSeen: try section.field("rows_seen").integer(in: 0...),
      tokensSeen: try section.field("tokens_seen").integer(in: 0...),
      supervisedTokensSeen: try section.field("supervised_tokens_seen").integer(in: 0...),
      loss: try section.optional("loss")?.double(), learningRate: try section.optional("learning_rate")?.double())
    base = try Self.digest(section.field("base"))
    dataset = try section.optional("dataset").map { (cursor) throws(Failure) in try Self.digest(cursor) }
    recipe = section.value["recipe"]?.objectValue ?? JSONObject()
    seed = try section.field("seed").integer()
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
    return [
      "base": .string(base.hex),
      "dataset": dataset.map { .string($0.hex) } ?? .null,
      "step": .integer(state.moments.step),
      "rows_seen": .integer(state.rowsSeen),
      "tokens_seen": .integer(state.tokensSeen),
      "supervised_tokens_seen": .integer(state.supervisedTokensSeen),
      "adapter": adapter.configuration.peftJSON(
        baseModel: nil, revision: nil, saveProjection: adapter.basesOrigin == .stored),
      "trainable_parameters": .integer(adapter.layout.count),
      "bases": .string(basesName),
      "recipe": isTrained ? .object(recipe) : .null,
      "seed": .integer(seed),
      "loss": state.loss.map { .number($0) } ?? .null,
      "learning_rate": state.learningRate.map { .number($0) } ?? .null,
    ]
  }

  private var basesName: String {
    switch state.adapter.basesOrigin {
    case .generated: "generated"
    case .stored: "stored"
    case .absent: "none"
    }
  }
}

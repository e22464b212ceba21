import Adapters
import Artifacts
import Checkpoint
import Failures
import Hub
import JSON
import ModelArtifacts
import Training

/// A checkpoint on its way to PEFT: an `adapter` artifact that is a PEFT directory with a model card.
struct AdapterExport {
  private let checkpoint: Artifact
  private let adapter: Adapter
  private let base: Artifact
  private let savesProjection: Bool

  /// - Parameter base: the base that the checkpoint belongs to: it has the shapes of the random bases and the name
  ///   under which others find the model.
  init(checkpoint: Artifact, base: Artifact, saveProjection: Bool) throws(Failure) {
    self.checkpoint = checkpoint
    self.base = base
    let model = try BaseModel(base).configuration
    adapter = try CheckpointArtifact.adapter(checkpoint, model: model)
    savesProjection = saveProjection && adapter.configuration.method == .randlora
    if adapter.basesOrigin == .stored, !saveProjection {
      throw Failure(
        .usage, "--no-save-projection would lose the random bases, which no projection_prng_key gives again",
        hint: "leave it out")
    }
  }

  func write(to directory: String, record: RunRecord) throws(Failure) -> Artifact {
    let baseModel = try base.section.optional("base_model_id")?.string()
    let revision = try base.section.optional("base_model_revision")?.string()
    let writer = try ArtifactWriter(output: directory, kind: .adapter)
    try adapter.write(baseModel: baseModel, revision: revision, saveProjection: savesProjection) {
      file throws(Failure) in try writer.path(for: file)
    }
    let step = try checkpoint.section.field("step").integer(in: 0...)
    try AtomicFile.write(card(baseModel, steps: step).text, to: try writer.path(for: "README.md"))
    let section: JSONObject = [
      "base_model_id": baseModel.map { .string($0) } ?? .null,
      "base": .string(base.digest.hex), "checkpoint": .string(checkpoint.digest.hex),
      "step": .integer(step), "method": .string(adapter.configuration.method.rawValue),
      "trainable_parameters": .integer(adapter.layout.count), "save_projection": .bool(savesProjection),
      "conversion": nil,
    ]
    return try writer.publish(section: section, run: record)
  }

  private func card(_ baseModel: String?, steps: Int) -> ModelCard {
    let configuration = adapter.configuration
    var targets: [String] = []
    for module in adapter.layout.modules {
      let name = String(module.name.split(separator: ".").last ?? "")
      if !targets.contains(name) { targets.append(name) }
    }
    return ModelCard(
      method: configuration.method == .lora ? "LoRA" : "RandLoRA", baseModel: baseModel,
      rank: configuration.rank, alpha: configuration.alpha, targetModules: targets,
      trainableParameters: adapter.layout.count, steps: steps)
  }
}

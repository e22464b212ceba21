import Adapters
import Checkpoint
import Datasets
import Failures
import Foundation
import JSON
import Tensor
import TestSupport
import Testing
import Training
import Transformer

/// A case as a run of training.
extension PEFTCase {
  func recipe() throws -> TrainingRecipe {
    let o = try facts().field("optimiser")
    return TrainingRecipe(
      learningRate: try o.field("lr").double(),
      schedule: try #require(LearningRateSchedule(rawValue: o.field("schedule").string())),
      horizon: .init(
        totalSteps: try o.field("steps").integer(), warmupSteps: try o.field("warmup").integer(), decaySteps: 0),
      optimizer: AdamW(weightDecay: try o.field("weight_decay").double()),
      maxGradientNorm: try o.field("clip").double(), batchSize: try o.field("batch").integer(),
      gradientAccumulationSteps: try o.field("accumulate").integer(), seed: 0, shuffle: false)
  }

  /// - Parameter dropout: replaces the case's own dropout of 0.
  func trainer(recipe: TrainingRecipe? = nil, dropout: Double = 0) throws -> Trainer {
    var adapter = try adapter("adapter_init")
    if dropout > 0 {
      let c = adapter.configuration
      adapter = Adapter(
        configuration: try AdapterConfiguration(
          method: c.method, rank: c.rank, alpha: c.alpha, dropout: dropout, targetModules: c.targetModules,
          layersToTransform: c.layersToTransform, projectionPRNGKey: c.projectionPRNGKey, sparsity: c.sparsity,
          useRSLoRA: c.useRSLoRA),
        layout: adapter.layout, bases: adapter.bases, basesOrigin: adapter.basesOrigin,
        parameters: adapter.parameters)
    }
    return Trainer(
      model: try model(), rows: try storedRows(), state: TrainingState(adapter: adapter),
      recipe: try recipe ?? self.recipe())
  }

  func storedRows() throws -> TokenRows {
    let file = FileManager.default.temporaryDirectory.path + "/randlora-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: file) }
    try TokenRows.write(try rows(), to: file)
    return try TokenRows(file, vocabularySize: configuration().vocabularySize)
  }

  func model() throws -> DecoderModel {
    try DecoderModel(configuration(), weights: WeightFiles(directory: path("model")))
  }
}

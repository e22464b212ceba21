import Adapters
import Checkpoint
import Datasets
import Failures
import Foundation
import JSON
import Tensor
import Testing
import Training
import Transformer

/// A case that PEFT trained (Tests/Fixtures/adapters, written by make_goldens.py).
struct TrainedGolden: CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }

  static let all = [
    "lora", "lora-wide", "randlora-accumulate", "randlora-dense", "randlora-ragged-rank", "randlora-rank-over-dim",
    "randlora-some-layers", "randlora-sparse", "randlora-very-sparse", "randlora-wide",
  ].map(TrainedGolden.init)

  var directory: String {
    "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Fixtures/adapters/" + name
  }

  func facts() throws -> JSONCursor {
    let path = directory + "/case.json"
    return try JSONDocument(MappedFile(path).contents, source: path).cursor
  }

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

  /// All rows in order, without their padding.
  func rows() throws -> [TokenRow] {
    let tensors = try SafeTensors(directory + "/tensors.safetensors")
    func integers(_ name: String) throws -> (values: [Int64], columns: Int) {
      let tensor = try tensors.tensor(name, dtype: .i64)
      let buffer = unsafe UnsafeBufferPointer(
        start: tensor.bytes.assumingMemoryBound(to: Int64.self), count: tensor.count)
      return (unsafe Array(buffer), tensor.shape[2])
    }
    let (ids, columns) = try integers("input_ids")
    let (labels, _) = try integers("labels"), (mask, _) = try integers("attention_mask")
    return stride(from: 0, to: ids.count, by: columns).map { start in
      let kept = (start..<start + columns).filter { mask[$0] == 1 }
      return TokenRow(
        ids: kept.map { Int32(ids[$0]) }, supervised: kept.map { $0 > start && labels[$0] != -100 })
    }
  }

  func configuration() throws -> ModelConfiguration { try ModelConfiguration(file: directory + "/model/config.json") }

  func adapter(_ folder: String) throws -> Adapter {
    try Adapter(directory: directory + "/" + folder, modules: configuration().linearModules)
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
}

/// The largest difference between two tensors, over the largest value of the second.
func difference(_ a: Tensor, _ b: Tensor) -> Float {
  let scale = b.array.map(abs).max() ?? 1
  return (zip(a.array, b.array).map { abs($0 - $1) }.max() ?? 0) / max(scale, 1e-20)
}

extension TrainedGolden {
  func model() throws -> DecoderModel {
    try DecoderModel(configuration(), weights: WeightFiles(directory: directory + "/model"))
  }
}

import Checkpoint
import Datasets
import Failures
import FoundationEssentials
import Tensor

/// A model of a given shape with random weights, and rows of random tokens, in a directory of their own.
struct RandomModel {
  let configuration: ModelConfiguration
  let directory: String

  /// Writes the weights; norms are ones, everything else is uniform with the deviation of 0.02 that models start from.
  init(_ configuration: ModelConfiguration, dtype: DType, directory: String) throws(Failure) {
    self.configuration = configuration
    self.directory = directory
    let shapes = configuration.weightShapes
    let descriptions = shapes.map { TensorDescription(name: $0.name, dtype: dtype, shape: $0.shape) }
    let writer = try SafeTensorsWriter(directory + "/" + WeightFiles.singleFile, tensors: descriptions)
    var generator = SplitMix64(seed: 1)
    let pool = (0..<Self.poolSize).map { _ in Float(generator.nextUnit() - 0.5) * 0.07 }
    for (index, (_, shape)) in shapes.enumerated() {
      let count = shape.reduce(1, *)
      let values =
        shape.count == 1
        ? [Float](repeating: 1, count: count)
        : (0..<count).map { pool[($0 &+ index &* 7919) % Self.poolSize] }
      try writer.append(Tensor(values, shape: shape))
    }
    writer.finish()
  }

  /// Random values that weights repeat; a prime, so that no two rows are equal.
  private static let poolSize = 1_048_573

  /// The same model with its linear layers quantized; the plain weights are removed.
  /// - Parameter quantized: the configuration that says so.
  func quantized(_ scheme: QuantizationScheme, as quantized: ModelConfiguration) throws -> RandomModel {
    let codes = directory + "/quantized"
    try FileManager.default.createDirectory(atPath: codes, withIntermediateDirectories: true)
    let quantization = try ModelQuantization(
      configuration: configuration, weights: weights(), scheme: scheme, skipping: ["lm_head"])
    try quantization.write { codes + "/" + $0 } progress: { _ in }
    try FileManager.default.removeItem(atPath: directory + "/" + WeightFiles.singleFile)
    return RandomModel(configuration: quantized, directory: codes)
  }

  private init(configuration: ModelConfiguration, directory: String) {
    self.configuration = configuration
    self.directory = directory
  }

  func weights() throws(Failure) -> WeightFiles { try WeightFiles(directory: directory) }

  /// Random tokens.
  func tokens(lengths: [Int]) -> [[Int32]] {
    var generator = SplitMix64(seed: 2)
    return lengths.map { length in (0..<length).map { _ in Int32(generator.next(below: configuration.vocabularySize)) } }
  }

  /// Rows of the given lengths in which every token but the first is a target.
  func rows(lengths: [Int]) throws(Failure) -> TokenRows {
    let rows = tokens(lengths: lengths).map { ids in TokenRow(ids: ids, supervised: ids.indices.map { $0 > 0 }) }
    let path = directory + "/rows.safetensors"
    try TokenRows.write(rows, to: path)
    return try TokenRows(path, vocabularySize: configuration.vocabularySize)
  }
}

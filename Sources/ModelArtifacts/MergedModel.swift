package import Adapters
package import Artifacts
import Checkpoint
package import Failures
package import JSON
package import Tensor

/// A base with adapters added to its weights: what a plain Hugging Face model directory holds.
///
/// The weights of a quantized base are dequantized first: they are what adapters were trained against. Instead they may
/// be added to the weights that the base was quantized from.
package struct MergedModel {
  private let base: BaseModel
  /// The base that `base` was quantized from, when the adapters are added to its weights.
  private let original: BaseModel?
  private let adapters: WeightedAdapters
  private let weights: WeightFiles
  /// The type to write; nil: each tensor keeps its own.
  private let dtype: DType?
  /// What will be written, in the order of the base's own files; a head that is no longer tied comes last.
  let tensors: [TensorDescription]
  /// Whether the base ties its output head to its embedding and an adapter changes one of them, so that they part.
  private let untiesHead: Bool
  /// How far taking the updates off what was written has come from the weights before, at most.
  private var unmergeDifference: Float = 0

  private static let head = "lm_head.weight", embedding = "model.embed_tokens.weight"

  /// - Parameter original: the base that `base` was quantized from, to merge into its weights; else nil.
  /// - Throws: `Failure.usage` when `original` is given for a base that is not quantized, `Failure.badData` when it is
  ///   not what the base was made from.
  package init(base: BaseModel, original: BaseModel? = nil, adapters: WeightedAdapters, dtype: DType?) throws(Failure) {
    self.base = base
    self.original = original
    self.adapters = adapters
    self.dtype = dtype
    let source = original ?? base
    weights = try source.weights()
    try weights.check(against: source.configuration)
    var tensors = try Self.tensors(of: source, weights, dtype: dtype)
    let parts = !adapters.trained.isDisjoint(with: [Self.head, Self.embedding]) || adapters.modules.contains { $0.isOutputHead }
    untiesHead = base.configuration.tiesEmbeddings && parts
    if untiesHead, let embedding = tensors.first(where: { $0.name == Self.embedding }) {
      tensors.append(TensorDescription(name: Self.head, dtype: embedding.dtype, shape: embedding.shape))
    }
    self.tensors = tensors
    if let original { try Self.check(original, madeInto: base) }
  }

  /// The tensors of a model, dequantized. Known harmless extras, such as the rotary buffers of old files, are left
  /// behind.
  private static func tensors(
    of source: BaseModel, _ weights: WeightFiles, dtype: DType?
  ) throws(Failure) -> [TensorDescription] {
    let shapes = Dictionary(uniqueKeysWithValues: source.configuration.weightShapes.map { ($0.name, $0.shape) })
    var tensors: [TensorDescription] = []
    for name in weights.descriptions.map(\.name) {
      guard let shape = shapes[name] else { continue }
      var own = try weights.quantized(name, shape: shape)?.dtype
      if own == nil { own = try weights.weight(name, shape: shape).dtype }
      tensors.append(TensorDescription(name: name, dtype: dtype ?? own ?? .f32, shape: shape))
    }
    return tensors
  }

  /// The codes must stand for about the weights that the original has, and the rest be the same up to its rounding.
  private static func check(_ original: BaseModel, madeInto base: BaseModel) throws(Failure) {
    guard base.configuration.quantization != nil else {
      throw Failure(
        .usage, "the base '\(base.artifact.directory)' is not quantized: its own weights are the original ones",
        hint: "leave out --original-base")
    }
    func mismatch(_ why: String) -> Failure {
      Failure(
        .badData, "'\(base.artifact.directory)' was not quantized from '\(original.artifact.directory)': \(why)",
        hint: "give the base that was imported from the same weights without --quantize")
    }
    let (own, others) = (base.configuration.weightShapes, original.configuration.weightShapes)
    guard original.configuration.quantization == nil, own.map(\.name) == others.map(\.name),
      own.map(\.shape) == others.map(\.shape)
    else { throw mismatch("they have other tensors") }
    let (coded, exact) = (try base.weights(), try original.weights())
    for (name, shape) in own {
      let stored = try exact.weight(name, shape: shape)
      let distance: Tensor, share: Double
      if let matrix = try coded.quantized(name, shape: shape) {
        (distance, share) = (Weight(matrix).floats(), 0.5)
      } else {
        let copy = try coded.weight(name, shape: shape)
        if copy.isIdentical(to: stored) { continue }
        (distance, share) = (copy.floats(), 0.01)
      }
      let weight = stored.floats()
      distance.scale(by: -1)
      distance.add(weight)
      guard distance.sumOfSquares <= share * share * weight.sumOfSquares else { throw mismatch("'\(name)' differs") }
    }
  }

  /// What a reader of the merged model will compute otherwise than training did; nil when nothing.
  package var limitation: String? {
    let configuration = base.configuration
    guard let written = tensors.first(where: { $0.name == Self.embedding })?.dtype,
      let own = weights[Self.embedding]?.dtype, own != written,
      configuration.embeddingScale(weights: own) != configuration.embeddingScale(weights: written)
    else { return nil }
    return "models of type \(configuration.family.modelType) scale their embeddings by a factor that is rounded to the "
      + "weights' type: in \(written.rawValue) it is another than in \(own.rawValue), in which the adapter was trained"
  }

  /// The bytes of weights that `write` writes.
  package var byteCount: Int { tensors.reduce(0) { $0 + ($1.byteCount ?? 0) } }

  /// Writes the model: weights, config.json and what else the base has.
  ///
  /// - Parameters:
  ///   - shardLimit: the most bytes of weights in a file.
  ///   - progress: called with the bytes of each weight that has been written; may stop the work by throwing.
  /// - Throws: `Failure.badData` naming the tensor when a sum is not finite in the type to write, or when taking the
  ///   update off again does not give back the weight before.
  package mutating func write(
    into writer: ArtifactWriter, shardLimit: Int, progress: (Int) throws(Failure) -> Void
  ) throws(Failure) {
    let plan = ShardPlan(tensors, limit: shardLimit)
    for (number, shard) in plan.shards.enumerated() {
      let file = try SafeTensorsWriter(writer.path(for: plan.name(of: number)), tensors: shard)
      for tensor in shard {
        try file.append(merged(tensor))
        try progress(tensor.byteCount ?? 0)
      }
      file.finish()
    }
    if let index = plan.index {
      try AtomicFile.write(index.text() + "\n", to: try writer.path(for: WeightFiles.index))
    }
    try writeOtherFiles(into: writer)
  }

  /// A tensor of the model as it is to be written.
  mutating func merged(_ description: TensorDescription) throws(Failure) -> StoredTensor {
    let name = description.name
    let source = untiesHead && name == Self.head ? Self.embedding : name
    let module = adapters.modules.first { $0.name + ".weight" == name }
    let before: Tensor
    if let quantized = try weights.quantized(source, shape: description.shape) {
      before = Weight(quantized).floats()
    } else {
      let stored = try weights.weight(source, shape: description.shape)
      if module == nil, !adapters.trained.contains(name), stored.dtype == description.dtype { return stored }
      before = stored.floats()
    }
    if let value = adapters.trainedValue(of: name, from: before) { return try rounded(value, as: description) }
    guard let delta = module.flatMap({ adapters.delta(of: $0.name) }) else { return try rounded(before, as: description) }
    let sum = before.duplicate()
    sum.add(delta)
    let merged = try rounded(sum, as: description)
    let (largest, excess) = Unmerging.compare(merged, minus: delta, with: before)
    if let excess {
      throw Failure(
        .badData, "the merged tensor '\(name)' less its update differs by \(largest) from the weight before, at element \(excess)",
        hint: "rounding does not explain it: the memory of this machine may be faulty")
    }
    unmergeDifference = max(unmergeDifference, largest)
    return merged
  }

  private func rounded(_ sum: Tensor, as description: TensorDescription) throws(Failure) -> StoredTensor {
    let rounded = Self.rounded(sum, to: description.dtype)
    if let position = rounded.firstNonFinite {
      throw Failure(
        .badData,
        "the merged tensor '\(description.name)' is not finite as \(description.dtype.rawValue) at element \(position)",
        hint: description.dtype == .f16 ? "choose --dtype bfloat16 or float32" : "the training has diverged")
    }
    return rounded
  }

  private static func rounded(_ sum: Tensor, to dtype: DType) -> StoredTensor {
    if dtype == .f32 { return StoredTensor(sum.array, dtype: dtype, shape: sum.shape) }
    let halves = unsafe sum.bytes(as: dtype).withUnsafeBytes { unsafe Array($0.bindMemory(to: UInt16.self)) }
    return StoredTensor(halves, dtype: dtype, shape: sum.shape)
  }

  private func writeOtherFiles(into writer: ArtifactWriter) throws(Failure) {
    let source = source.artifact
    for file in source.files where file.path != WeightFiles.index && !file.path.hasSuffix(".safetensors") {
      let (source, copy) = (try source.path(of: file.path), try writer.path(for: file.path))
      if file.path == "config.json", dtype != nil || isDequantized || untiesHead {
        try writeConfiguration(from: source, to: copy)
      } else if try Files.copy(source, to: copy) != file.sha256 {
        throw Failure(
          .badData, "\(source) changed while it was read", hint: "run again when nothing writes to it")
      }
    }
  }

  /// The base whose weights are taken.
  var source: BaseModel { original ?? base }

  /// Whether the weights are those that a quantized base's codes stand for.
  private var isDequantized: Bool { base.configuration.quantization != nil && original == nil }

  /// config.json with the type of the weights, under the field that it has: `dtype`, or `torch_dtype` as before
  /// transformers 5; without the quantization that is undone, and without ties where the head has parted from the
  /// embedding.
  private func writeConfiguration(from source: String, to path: String) throws(Failure) {
    let document = try JSONDocument(try Files.contents(of: source), source: source)
    guard var object = document.root.objectValue else { throw document.cursor.failure("expected an object") }
    if isDequantized { object["quantization_config"] = nil }
    let fields = ["dtype", "torch_dtype"].filter { object[$0] != nil }
    if dtype != nil || isDequantized, let name = mainType.transformersName {
      for field in fields.isEmpty ? ["torch_dtype"] : fields { object[field] = .string(name) }
    }
    if untiesHead { object["tie_word_embeddings"] = false }
    try AtomicFile.write(JSON.object(object).text(keepingFloats: true) + "\n", to: path)
  }

  /// The manifest's section, once all is written.
  /// - Parameter checkpoints: those that the adapters come from, in their order.
  package func section(checkpoints: [Digest]) throws(Failure) -> JSONObject {
    let isQuantized = base.configuration.quantization != nil
    return [
      "base": .string(base.artifact.digest.hex), "adapters": .array(
        zip(checkpoints, adapters.parts).map { ["checkpoint": .string($0.hex), "weight": .number($1.weight)] }),
      "format": "safetensors", "dtype": .string(mainType.rawValue),
      "parameters": .integer(tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }),
      "merged_modules": .integer(adapters.modules.count), "unmerge_difference": .number(Double(unmergeDifference)),
      "base_model_id": try base.artifact.section.field("base_model_id").value,
      "weights": isQuantized ? .string(isDequantized ? "dequantized" : "original") : .null,
      "original_base": original.map { .string($0.artifact.digest.hex) } ?? .null,
    ]
  }

  /// The type of most of the merged weights.
  private var mainType: DType { dtype ?? weights.mainType(of: source.configuration) }

  /// Opens what `write` wrote, to see that it is a whole model.
  package static func check(directory: String) throws(Failure) {
    let configuration = try ModelConfiguration(file: directory + "/config.json")
    try WeightFiles(directory: directory).check(against: configuration)
  }
}

package import Adapters
package import Artifacts
import Checkpoint
package import Failures
package import JSON
package import Tensor

/// A base with an adapter added to its weights: what a plain Hugging Face model directory holds.
package struct MergedModel {
  private let base: BaseModel
  private let adapter: Adapter
  private let weights: WeightFiles
  /// The type to write; nil: each tensor keeps its own.
  private let dtype: DType?
  /// What will be written, in the order of the base's own files; a head that is no longer tied comes last.
  private let tensors: [TensorDescription]
  /// Whether the base ties its output head to its embedding and the adapter changes one of them, so that they part.
  private let untiesHead: Bool

  private static let head = "lm_head.weight", embedding = "model.embed_tokens.weight"

  package init(base: BaseModel, adapter: Adapter, dtype: DType?) throws(Failure) {
    self.base = base
    self.adapter = adapter
    self.dtype = dtype
    weights = try base.weights()
    try weights.check(against: base.configuration)
    // Known harmless extras, such as the rotary buffers of old files, are left behind.
    let names = Set(base.configuration.weightShapes.map(\.name))
    var tensors = weights.descriptions.filter { names.contains($0.name) }
    let partings = adapter.layout.trained.contains { [Self.head, Self.embedding].contains($0.name) }
    untiesHead =
      base.configuration.tiesEmbeddings && (partings || adapter.layout.modules.contains { $0.isOutputHead })
    if untiesHead, let embedding = tensors.first(where: { $0.name == Self.embedding }) {
      tensors.append(TensorDescription(name: Self.head, dtype: embedding.dtype, shape: embedding.shape))
    }
    self.tensors = tensors.map { TensorDescription(name: $0.name, dtype: dtype ?? $0.dtype, shape: $0.shape) }
  }

  /// The bytes of weights that `write` writes.
  package var byteCount: Int { tensors.reduce(0) { $0 + ($1.byteCount ?? 0) } }

  /// Writes the model: weights, config.json and what else the base has.
  ///
  /// - Parameters:
  ///   - shardLimit: the most bytes of weights in a file.
  ///   - progress: called with the bytes of each weight that has been written; may stop the work by throwing.
  /// - Throws: `Failure.badData` naming the tensor when a sum is not finite in the type to write.
  package func write(
    into writer: ArtifactWriter, shardLimit: Int, progress: (Int) throws(Failure) -> Void
  ) throws(Failure) {
    let plan = ShardPlan(tensors, limit: shardLimit)
    for (number, shard) in plan.shards.enumerated() {
      let file = try SafeTensorsWriter(writer.path(for: plan.name(of: number)), tensors: shard)
      for tensor in shard {
        try append(tensor, to: file)
        try progress(tensor.byteCount ?? 0)
      }
      file.finish()
    }
    if let index = plan.index {
      try AtomicFile.write(index.text() + "\n", to: try writer.path(for: WeightFiles.index))
    }
    try writeOtherFiles(into: writer)
  }

  private func append(_ description: TensorDescription, to file: SafeTensorsWriter) throws(Failure) {
    let source = untiesHead && description.name == Self.head ? Self.embedding : description.name
    let stored = try weights.weight(source, shape: description.shape)
    let module = adapter.layout.modules.firstIndex { $0.name + ".weight" == description.name }
    let trained = adapter.trainedValue(of: description.name)
    if module == nil, trained == nil, stored.dtype == description.dtype { return try file.append(stored) }
    let sum = trained ?? stored.floats()
    if let module { sum.add(ActiveAdapter.deltaWeight(of: adapter, module: module)) }
    let rounded = Self.rounded(sum, to: description.dtype)
    if let position = rounded.firstNonFinite {
      throw Failure(
        .badData,
        "the merged tensor '\(description.name)' is not finite as \(description.dtype.rawValue) at element \(position)",
        hint: description.dtype == .f16 ? "choose --dtype bfloat16 or float32" : "the training has diverged")
    }
    try file.append(rounded)
  }

  private static func rounded(_ sum: Tensor, to dtype: DType) -> StoredTensor {
    if dtype == .f32 { return StoredTensor(sum.array, dtype: dtype, shape: sum.shape) }
    let halves = unsafe sum.bytes(as: dtype).withUnsafeBytes { unsafe Array($0.bindMemory(to: UInt16.self)) }
    return StoredTensor(halves, dtype: dtype, shape: sum.shape)
  }

  private func writeOtherFiles(into writer: ArtifactWriter) throws(Failure) {
    for file in base.artifact.files
    where file.path != WeightFiles.index && !file.path.hasSuffix(".safetensors") {
      let (source, copy) = (try base.artifact.path(of: file.path), try writer.path(for: file.path))
      if file.path == "config.json", dtype != nil || untiesHead {
        try writeConfiguration(from: source, to: copy)
      } else if try Files.copy(source, to: copy) != file.sha256 {
        throw Failure(
          .badData, "\(source) changed while it was read", hint: "run again when nothing writes to it")
      }
    }
  }

  /// config.json with the type of the weights, under the field that it has: `dtype`, or `torch_dtype` as before
  /// transformers 5; and without ties where the head has parted from the embedding.
  private func writeConfiguration(from source: String, to path: String) throws(Failure) {
    let document = try JSONDocument(try Files.contents(of: source), source: source)
    guard var object = document.root.objectValue else { throw document.cursor.failure("expected an object") }
    let fields = ["dtype", "torch_dtype"].filter { object[$0] != nil }
    if let name = dtype?.transformersName {
      for field in fields.isEmpty ? ["torch_dtype"] : fields { object[field] = .string(name) }
    }
    if untiesHead { object["tie_word_embeddings"] = false }
    try AtomicFile.write(JSON.object(object).text() + "\n", to: path)
  }

  /// The manifest's section.
  package func section(checkpoint: Digest) throws(Failure) -> JSONObject {
    [
      "base": .string(base.artifact.digest.hex), "checkpoint": .string(checkpoint.hex),
      "dtype": try dtypeName(),
      "parameters": .integer(tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }),
      "merged_modules": .integer(adapter.layout.modules.count),
      "base_model_id": try base.artifact.section.field("base_model_id").value,
    ]
  }

  private func dtypeName() throws(Failure) -> JSON {
    if let dtype { return .string(dtype.rawValue) }
    return try base.artifact.section.field("weight_dtype").value
  }

  /// Opens what `write` wrote, to see that it is a whole model.
  package static func check(directory: String) throws(Failure) {
    let configuration = try ModelConfiguration(file: directory + "/config.json")
    try WeightFiles(directory: directory).check(against: configuration)
  }
}

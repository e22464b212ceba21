package import Failures
import Glibc
import JSON
package import Tensor

/// A model's weights: one safetensors file, or shards with an index, as one set of named tensors.
package struct WeightFiles: Sendable {
  /// `model.safetensors`
  package static let singleFile = "model.safetensors"
  /// `model.safetensors.index.json`
  package static let index = "model.safetensors.index.json"

  /// The files in the order in which they were opened.
  package let files: [SafeTensors]
  /// What the errors call these weights: the path of the single file or of the index.
  private let source: String
  private let positions: [ByteString: Int]

  /// Opens a model directory: `model.safetensors` where there is one, as transformers prefers it, else the index.
  package init(directory: String) throws(Failure) {
    try self.init(hasSingleFile: Self.exists(directory + "/" + Self.singleFile)) { directory + "/" + $0 }
  }

  /// Opens weights whose files lie wherever `locate` says.
  /// - Parameters:
  ///   - hasSingleFile: whether the weights are `model.safetensors` rather than shards with an index.
  ///   - locate: the path of a file of that name.
  package init(hasSingleFile: Bool, locate: (String) throws(Failure) -> String) throws(Failure) {
    if hasSingleFile {
      let file = try SafeTensors(try locate(Self.singleFile))
      source = file.path
      files = [file]
      positions = Self.positions(files)
    } else {
      source = try locate(Self.index)
      let index = try ShardIndex(file: source)
      var files: [SafeTensors] = []
      for shard in index.shards { files.append(try SafeTensors(try locate(shard))) }
      try index.check(files)
      self.files = files
      positions = Self.positions(files)
    }
  }

  /// The names of the files that hold a directory's weights: the single file, or the index and its shards.
  package static func names(in directory: String) throws(Failure) -> [String] {
    if exists(directory + "/" + singleFile) { return [singleFile] }
    guard exists(directory + "/" + index) else {
      throw Failure(
        .missingInput, "'\(directory)' has neither \(singleFile) nor \(index)",
        hint: "weights must be in the safetensors format; convert others with transformers' save_pretrained")
    }
    return [index] + (try ShardIndex(file: directory + "/" + index)).shards
  }

  /// The tensors' descriptions, file by file, in the order of the data.
  package var descriptions: [TensorDescription] { files.flatMap(\.descriptions) }

  package subscript(name: String) -> StoredTensor? {
    positions[ByteString(name)].flatMap { files[$0][name] }
  }

  /// The file that holds a tensor, or what the errors call all of them when none does.
  package func path(of name: String) -> String { positions[ByteString(name)].map { files[$0].path } ?? source }

  /// The tensor of that name, which must be there and, where asked, have this element type and shape.
  func tensor(_ name: String, dtype: DType? = nil, shape: [Int]? = nil) throws(Failure) -> StoredTensor {
    guard let position = positions[ByteString(name)] else {
      throw Failure(.badData, "\(source): the tensor '\(name)' is missing")
    }
    return try files[position].tensor(name, dtype: dtype, shape: shape)
  }

  /// A weight that bitsandbytes quantized; nil when it is not quantized.
  package func quantized(_ name: String, shape: [Int]) throws(Failure) -> QuantizedMatrix? {
    guard shape.count == 2 else { return nil }
    return try SavedQuantization(name, in: self)?.matrix(shape: shape)
  }

  /// A linear layer's weight: as it is, or as bitsandbytes quantized it.
  package func matrix(_ name: String, shape: [Int]) throws(Failure) -> Weight {
    if let matrix = try quantized(name, shape: shape) { return Weight(matrix) }
    if let tensor = self[name], tensor.dtype == .u8 || tensor.dtype == .i8 {
      throw Failure(
        .badData,
        "\(path(of: name)): the tensor '\(name)' has element type \(tensor.dtype.rawValue), "
          + "but no state of a quantization that is known lies beside it",
        hint: "known are bitsandbytes' nf4, fp4 and int8")
    }
    return Weight(try weight(name, shape: shape))
  }

  /// The tensor of that name, which must be there, of this shape and of a type that weights may have.
  package func weight(_ name: String, shape: [Int]) throws(Failure) -> StoredTensor {
    let tensor = try tensor(name, shape: shape)
    guard tensor.dtype.isWeight else {
      throw Failure(
        .badData,
        "\(path(of: name)): the tensor '\(name)' has element type \(tensor.dtype.rawValue), "
          + "expected F32, F16 or BF16")
    }
    return tensor
  }

  /// Checks that the files hold exactly the tensors of a model: none missing, none left over, shapes and types right.
  ///
  /// Two kinds of leftovers are known to be harmless and pass, as in transformers: `rotary_emb.inv_freq` buffers,
  /// and a `lm_head.weight` beside tied embeddings that has their shape.
  package func check(against configuration: ModelConfiguration) throws(Failure) {
    let linear = Set(configuration.linearWeights.map { ByteString($0.name) })
    var expected = Set<ByteString>(), isQuantized = false
    for (name, shape) in configuration.weightShapes {
      expected.insert(ByteString(name))
      guard linear.contains(ByteString(name)) else {
        _ = try weight(name, shape: shape)
        continue
      }
      let companions = try checkLinear(name, shape: shape, against: configuration)
      isQuantized = isQuantized || !companions.isEmpty
      expected.formUnion(companions.map(ByteString.init))
    }
    if !isQuantized, let bits = configuration.quantization?.bits {
      throw Failure(
        .badData, "\(source): no weight is quantized, but config.json's quantization_config says \(bits) bits",
        hint: "remove quantization_config, and use import-base --quantize")
    }
    for description in descriptions where !expected.contains(ByteString(description.name)) {
      if description.name.hasSuffix(".rotary_emb.inv_freq") { continue }
      let head = [configuration.vocabularySize, configuration.width]
      if configuration.tiesEmbeddings, description.name == "lm_head.weight", description.shape == head {
        continue
      }
      throw Failure(
        .badData, "\(source): the tensor '\(description.name)' belongs to no part of the model",
        hint: "config.json and the weights may come from different models")
    }
  }

  /// The type of most of a model's weights; of quantized ones, the type that their values are rounded to.
  package func mainType(of configuration: ModelConfiguration) -> DType {
    var sizes: [DType: Int] = [:]
    for (name, shape) in configuration.weightShapes {
      let dtype = (try? quantized(name, shape: shape))?.dtype ?? self[name]?.dtype
      if let dtype { sizes[dtype, default: 0] += shape.reduce(1, *) }
    }
    return DType.allCases.max { sizes[$0, default: 0] < sizes[$1, default: 0] } ?? .f32
  }

  /// Checks a linear layer's weight.
  ///
  /// - Returns: the names of the tensors that its quantization keeps beside it; none when it is not quantized.
  private func checkLinear(
    _ name: String, shape: [Int], against configuration: ModelConfiguration
  ) throws(Failure) -> [String] {
    _ = try matrix(name, shape: shape)
    guard let saved = SavedQuantization(name, in: self) else { return [] }
    guard saved.bits == configuration.quantization?.bits else {
      throw Failure(
        .badData, "\(path(of: name)): the tensor '\(name)' is quantized to \(saved.bits) bits, "
          + "but config.json does not say so", hint: "its quantization_config may come from another model")
    }
    return saved.companions
  }

  private static func positions(_ files: [SafeTensors]) -> [ByteString: Int] {
    var positions: [ByteString: Int] = [:]
    for (index, file) in files.enumerated() {
      for name in file.names { positions[ByteString(name)] = index }
    }
    return positions
  }

  private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}

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

  /// The tensor of that name, which must be there, of this shape and of a type that weights may have.
  package func weight(_ name: String, shape: [Int]) throws(Failure) -> StoredTensor {
    guard let position = positions[ByteString(name)] else {
      throw Failure(.badData, "\(source): the tensor '\(name)' is missing")
    }
    let tensor = try files[position].tensor(name, shape: shape)
    guard tensor.dtype.isWeight else {
      throw Failure(
        .badData,
        "\(files[position].path): the tensor '\(name)' has element type \(tensor.dtype.rawValue), "
          + "expected F32, F16 or BF16")
    }
    return tensor
  }

  /// Checks that the files hold exactly the tensors of a model: none missing, none left over, shapes and types right.
  ///
  /// Two kinds of leftovers are known to be harmless and pass, as in transformers: `rotary_emb.inv_freq` buffers,
  /// and a `lm_head.weight` beside tied embeddings that has their shape.
  package func check(against configuration: ModelConfiguration) throws(Failure) {
    var expected = Set<ByteString>()
    for (name, shape) in configuration.weightShapes {
      expected.insert(ByteString(name))
      _ = try weight(name, shape: shape)
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

  /// The type of most of a model's weights.
  package func mainType(of configuration: ModelConfiguration) -> DType {
    var sizes: [DType: Int] = [:]
    for (name, _) in configuration.weightShapes {
      if let tensor = self[name] { sizes[tensor.dtype, default: 0] += tensor.count }
    }
    return DType.allCases.max { sizes[$0, default: 0] < sizes[$1, default: 0] } ?? .f32
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

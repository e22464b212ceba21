import Artifacts
import Checkpoint
import Failures
import Hub
import JSON
import StageSupport
import Tensor

/// A Hugging Face model directory that is about to become a base.
struct ModelDirectory {
  private let directory: String
  private let configuration: ModelConfiguration
  private let weightFiles: [String]
  private let weights: WeightFiles

  /// Files beside the weights that a merged model or an evaluation needs, where the model has them.
  private static let optionalFiles = [
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "tokenizer.model", "chat_template.jinja", "vocab.json", "merges.txt",
  ]

  /// Opens the directory and checks the configuration and the names, shapes and types of all tensors.
  init(_ directory: String) throws(Failure) {
    guard Files.isDirectory(directory) else { throw Self.notADirectory(directory) }
    self.directory =
      directory.hasSuffix("/") && directory.count > 1 ? String(directory.dropLast()) : directory
    configuration = try ModelConfiguration(file: directory + "/config.json")
    weightFiles = try WeightFiles.names(in: directory)
    weights = try WeightFiles(directory: directory)
    try weights.check(against: configuration)
    let generation = directory + "/generation_config.json"
    if Files.exists(generation) {
      _ = try SpecialTokens(
        generationConfiguration: generation, vocabularySize: configuration.vocabularySize)
    }
  }

  /// Checks that all weights are finite.
  ///
  /// - Returns: the type that most of them have.
  func checkWeights(showing console: Console) throws(Failure) -> DType {
    let shapes = configuration.weightShapes
    let tensors = try shapes.map { (name, shape) throws(Failure) in
      (name, try weights.weight(name, shape: shape))
    }
    let progress = console.progress(
      "checking", total: tensors.reduce(0) { $0 + $1.1.byteCount }, unit: "byte")
    for (name, tensor) in tensors {
      try Interruption.check()
      if let position = tensor.firstNonFinite {
        throw Failure(
          .badData, "'\(directory)': the tensor '\(name)' is not finite at element \(position)",
          hint: "the weights are damaged; fetch or convert them again")
      }
      progress.advance(by: tensor.byteCount)
    }
    progress.finish()
    let sizes = tensors.reduce(into: [DType: Int]()) { $0[$1.1.dtype, default: 0] += $1.1.count }
    return DType.allCases.max { sizes[$0, default: 0] < sizes[$1, default: 0] } ?? .f32
  }

  /// The files that make up the base.
  var files: [String] {
    ["config.json"] + weightFiles + Self.optionalFiles.filter { Files.exists(path(of: $0)) }
  }

  func path(of file: String) -> String { directory + "/" + file }

  /// What the manifest says about the base.
  func section(weightType: DType, source: HuggingFaceRepository?) throws(Failure) -> JSONObject {
    let tokenizer = path(of: "tokenizer.json")
    let tokenizerDigest: JSON =
      Files.exists(tokenizer) ? .string(try Digest.sha256(ofFile: tokenizer).hex) : .null
    return [
      "model_type": .string(configuration.family.modelType),
      "architecture": .string(configuration.family.architecture),
      "parameters": .integer(configuration.parameterCount),
      "weight_dtype": .string(weightType.rawValue),
      "vocab_size": .integer(configuration.vocabularySize),
      "context_length": .integer(configuration.contextLength),
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
      "base_model_id": source.map { .string($0.id) } ?? .null,
      "base_model_revision": source?.revision.map { .string($0) } ?? .null,
      "tokenizer_sha256": tokenizerDigest,
    ]
  }

  // MARK: - What is there

  private static func notADirectory(_ path: String) -> Failure {
    if Files.exists(path) {
      return Failure(.badData, "'\(path)' is no directory", hint: "give the directory of the model")
    }
    guard (try? HuggingFaceRepository(modelID: path)) != nil else {
      return Failure(.missingInput, "the directory '\(path)' does not exist")
    }
    return Failure(
      .missingInput,
      "the directory '\(path)' does not exist, and downloading from the Hugging Face Hub is not available in this version",
      hint:
        "download the model first ('hf download \(path) --local-dir DIR'), then give DIR and --base-model-id \(path)"
    )
  }
}

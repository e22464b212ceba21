import Artifacts
import Checkpoint
import Failures
import Hub
import JSON
import ModelArtifacts
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
    try checkSyntax()
    let generation = directory + "/generation_config.json"
    if Files.exists(generation) {
      _ = try SpecialTokens(
        generationConfiguration: generation, vocabularySize: configuration.vocabularySize)
    }
  }

  /// What is read only later, by other stages, is JSON at least: a file that was cut off is found now.
  private func checkSyntax() throws(Failure) {
    for file in Self.optionalFiles where file.hasSuffix(".json") && Files.exists(path(of: file)) {
      let document = try JSONDocument(try Files.contents(of: path(of: file)), source: path(of: file))
      _ = try document.cursor.members()
    }
  }

  /// Checks that all weights are finite.
  func checkWeights(showing console: Console) throws(Failure) {
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
  }

  /// The files that make up the base.
  var files: [String] {
    ["config.json"] + weightFiles + Self.optionalFiles.filter { Files.exists(path(of: $0)) }
  }

  func path(of file: String) -> String { directory + "/" + file }

  /// What the manifest says about the base.
  func section(source: HuggingFaceRepository?) throws(Failure) -> JSONObject {
    let tokenizer = path(of: "tokenizer.json")
    var section = BaseModel.facts(configuration)
    section["weight_dtype"] = .string(weights.mainType(of: configuration).rawValue)
    section["base_model_id"] = source.map { .string($0.id) } ?? .null
    section["base_model_revision"] = source?.revision.map { .string($0) } ?? .null
    section["tokenizer_sha256"] =
      Files.exists(tokenizer) ? .string(try Digest.sha256(ofFile: tokenizer).hex) : .null
    return section
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

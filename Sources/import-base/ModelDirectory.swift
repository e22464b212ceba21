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
    guard Files.isDirectory(directory) else {
      throw Failure(.badData, "'\(directory)' is no directory", hint: "give the directory of the model")
    }
    self.directory =
      directory.hasSuffix("/") && directory.count > 1 ? String(directory.dropLast()) : directory
    guard !Files.exists(directory + "/" + GGUFModel.file) || Files.exists(directory + "/config.json") else {
      throw Failure(
        .badData, "'\(directory)' holds a model as a GGUF file, which is for llama.cpp and cannot be a base",
        hint: "merge with --format safetensors, or give the directory that the file was made from")
    }
    guard !Files.exists(directory + "/" + Manifest.fileName) || Files.exists(directory + "/config.json") else {
      throw Failure(
        .badData, "'\(directory)' is an artifact without a model's files in it",
        hint: "a base needs no import; to make another, give the directory of the model")
    }
    try Artifact.checkFiles(in: directory)
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

  /// Checks that all weights are finite, and an output head beside tied embeddings the same as they are.
  func checkWeights(showing console: Console) throws(Failure) {
    try checkTiedHead()
    let total = weights.descriptions.reduce(0) { $0 + ($1.byteCount ?? 0) }
    let progress = console.progress("checking", total: total, unit: "byte")
    for (name, shape) in configuration.weightShapes {
      try Interruption.check()
      progress.advance(by: try checkWeight(name, shape))
    }
    progress.finish()
  }

  /// transformers 5 does not tie a head that differs from the embedding, whatever config.json says.
  private func checkTiedHead() throws(Failure) {
    let (head, embedding) = ("lm_head.weight", "model.embed_tokens.weight")
    guard configuration.tiesEmbeddings, let own = weights[head], let tied = weights[embedding],
      !own.isIdentical(to: tied)
    else { return }
    throw Failure(
      .badData,
      "'\(directory)': the tensor '\(head)' is not '\(embedding)', though config.json says tie_word_embeddings",
      hint: "set tie_word_embeddings to false in config.json to use it, or take it out of the weights")
  }

  /// - Returns: the bytes that were looked at.
  private func checkWeight(_ name: String, _ shape: [Int]) throws(Failure) -> Int {
    func notFinite(_ place: String) -> Failure {
      Failure(
        .badData, "\(weights.path(of: name)): the tensor '\(name)' is not finite \(place)",
        hint: "the weights are damaged; fetch or convert them again")
    }
    if let matrix = try weights.quantized(name, shape: shape) {
      guard matrix.isFinite else { throw notFinite("in its scales") }
      return matrix.byteCount
    }
    let tensor = try weights.weight(name, shape: shape)
    if let position = tensor.firstNonFinite { throw notFinite("at element \(position)") }
    return tensor.byteCount
  }

  /// Writes the model with its linear layers quantized, and copies of the files beside the weights.
  func write(
    _ scheme: QuantizationScheme, skipping modules: [String], into writer: ArtifactWriter, showing console: Console
  ) throws(Failure) {
    let quantization = try ModelQuantization(
      configuration: configuration, weights: weights, scheme: scheme, skipping: modules)
    let progress = console.progress("quantizing", total: quantization.byteCount, unit: "byte")
    try quantization.write { name throws(Failure) in
      try writer.path(for: name)
    } progress: { bytes throws(Failure) in
      try Interruption.check()
      progress.advance(by: bytes)
    }
    progress.finish()
    let config = try JSONDocument(try Files.contents(of: path(of: "config.json")), source: path(of: "config.json"))
    let text = quantization.configuration(config.root.objectValue ?? JSONObject()).text(keepingFloats: true) + "\n"
    try AtomicFile.write(text, to: try writer.path(for: "config.json"))
    for file in otherFiles { _ = try Files.copy(path(of: file), to: try writer.path(for: file)) }
  }

  /// What a model is fetched with, where it has it.
  static let filesBesideWeights = ["config.json"] + optionalFiles

  /// The files that make up the base.
  var files: [String] { ["config.json"] + weightFiles + otherFiles }

  private var otherFiles: [String] { Self.optionalFiles.filter { Files.exists(path(of: $0)) } }

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
    section["quantization"] = try configuration.firstScheme(in: weights).map { .object($0.section) } ?? .null
    return section
  }
}

extension QuantizationScheme {
  /// What the manifest of a base says about it.
  fileprivate var section: JSONObject {
    switch codes {
    case .int8: ["quant_type": "int8", "compute_dtype": .string(dtype.rawValue)]
    case .fourBit(let type, let blockSize, let isNested):
      [
        "quant_type": .string(type.rawValue), "block_size": .integer(blockSize), "double_quant": .bool(isNested),
        "compute_dtype": .string(dtype.rawValue),
      ]
    }
  }
}

extension ModelConfiguration {
  /// How the first quantized weight is quantized; nil when none is.
  fileprivate func firstScheme(in weights: WeightFiles) throws(Failure) -> QuantizationScheme? {
    for (name, shape) in linearWeights {
      if let matrix = try weights.quantized(name, shape: shape) { return matrix.scheme }
    }
    return nil
  }
}

package import Artifacts
package import ChatTemplates
package import Checkpoint
package import Failures
package import JSON
import Tensor
package import Tokenizer
package import Transformer

/// A `base` artifact as a model: its configuration, weights and tokenizer, wherever its files lie.
package struct BaseModel: Sendable {
  package let artifact: Artifact
  package let configuration: ModelConfiguration

  /// - Throws: `Failure.badData` at what config.json asks for and is not supported, or where the manifest disagrees.
  package init(_ artifact: Artifact) throws(Failure) {
    self.artifact = artifact
    configuration = try ModelConfiguration(file: try artifact.path(of: "config.json"))
    let tokenizer = artifact.manifest.file("tokenizer.json")?.sha256.hex
    try artifact.section.require(Self.facts(configuration), as: "config.json")
    try artifact.section.require(["tokenizer_sha256": tokenizer.map { .string($0) } ?? .null], as: "/files")
  }

  /// What the manifest says of config.json.
  package static func facts(_ configuration: ModelConfiguration) -> JSONObject {
    [
      "model_type": .string(configuration.family.modelType),
      "architecture": .string(configuration.family.architecture),
      "parameters": .integer(configuration.parameterCount),
      "vocab_size": .integer(configuration.vocabularySize),
      "context_length": .integer(configuration.contextLength),
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
    ]
  }

  private func has(_ file: String) -> Bool { artifact.manifest.files.contains { $0.path == file } }

  /// The weights, mapped and not copied.
  package func weights() throws(Failure) -> WeightFiles {
    let weights = try WeightFiles(hasSingleFile: has(WeightFiles.singleFile)) { name throws(Failure) in
      try artifact.path(of: name)
    }
    let dtype = weights.mainType(of: configuration)
    try artifact.section.require(["weight_dtype": .string(dtype.rawValue)], as: "the weights")
    return weights
  }

  package func model() throws(Failure) -> DecoderModel { try DecoderModel(configuration, weights: try weights()) }

  package var hasTokenizer: Bool { has("tokenizer.json") }

  /// - Throws: `Failure.missingInput` when the base was imported without a tokenizer.
  package func tokenizer() throws(Failure) -> Tokenizer {
    guard hasTokenizer else {
      throw Failure(
        .missingInput, "the base '\(artifact.directory)' has no tokenizer.json",
        hint: "put the model's tokenizer.json beside its weights and import the base again")
    }
    return try Tokenizer(
      tokenizerFile: try artifact.path(of: "tokenizer.json"),
      configurationFile: has("tokenizer_config.json") ? try artifact.path(of: "tokenizer_config.json") : nil)
  }

  /// The model's chat templates: chat_template.jinja, or else what tokenizer_config.json holds; nil without either.
  package func chatTemplates() throws(Failure) -> TemplateSet? {
    if has("chat_template.jinja") {
      let path = try artifact.path(of: "chat_template.jinja")
      return try TemplateSet(try Files.contents(of: path), name: path)
    }
    guard has("tokenizer_config.json") else { return nil }
    let path = try artifact.path(of: "tokenizer_config.json")
    return try TemplateSet(configuration: JSONDocument(try Files.contents(of: path), source: path).cursor)
  }

  /// The ids that end an answer: the model's, the generation configuration's and the tokenizer's.
  package func stopTokens(_ tokenizer: Tokenizer?) throws(Failure) -> Set<Int32> {
    var ids = Set(configuration.eosIDs.map { Int32($0) })
    if has("generation_config.json") {
      let tokens = try SpecialTokens(
        generationConfiguration: try artifact.path(of: "generation_config.json"),
        vocabularySize: configuration.vocabularySize)
      ids.formUnion(tokens.eosIDs.map { Int32($0) })
    }
    if let eos = tokenizer?.eosID { ids.insert(eos) }
    return ids
  }
}

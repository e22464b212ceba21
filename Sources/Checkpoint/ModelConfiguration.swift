package import Failures
package import JSON
package import Tensor

/// What config.json says about a decoder model, checked. Fields that transformers would default are defaulted the
/// same way; a field that asks for something we do not compute is refused by its name.
package struct ModelConfiguration: Sendable, Equatable {
  package let family: ModelFamily
  /// `vocab_size` (V)
  package let vocabularySize: Int
  /// `hidden_size` (D)
  package let width: Int
  /// `intermediate_size` (F)
  package let feedForwardWidth: Int
  /// `num_hidden_layers`
  package let layerCount: Int
  /// `num_attention_heads` (H)
  package let headCount: Int
  /// `num_key_value_heads` (K); divides the number of heads.
  package let keyValueHeadCount: Int
  /// `head_dim` (d), else `hidden_size / num_attention_heads`; even.
  package let headWidth: Int
  /// `max_position_embeddings`
  package let contextLength: Int
  /// `rms_norm_eps`
  package let normEpsilon: Double
  /// How positions are told in each layer; nil: not at all.
  package let rotaries: [RotaryParameters?]
  /// What embeddings are multiplied with, beside `ModelFamily.scalesEmbeddings` (Granite: `embedding_multiplier`).
  package let embeddingMultiplier: Double
  /// What the products of queries and keys are multiplied with: 1/sqrt(d), or as `query_pre_attn_scalar` or
  /// `attention_multiplier` say.
  package let attentionScale: Double
  /// `attn_logit_softcapping`
  package let attentionSoftCap: Double?
  /// What each half of a layer adds to the residual stream is multiplied with (Granite: `residual_multiplier`).
  package let residualMultiplier: Double
  /// What logits are divided by (Granite: `logits_scaling`).
  package let logitDivisor: Double
  /// `final_logit_softcapping`
  package let logitSoftCap: Double?
  /// Whether q_proj, k_proj and v_proj have a bias (Llama: `attention_bias`; Qwen 2: always).
  package let hasQueryKeyValueBias: Bool
  /// Whether o_proj has a bias (Llama: `attention_bias`).
  package let hasAttentionOutputBias: Bool
  /// Whether gate_proj, up_proj and down_proj have a bias (Llama: `mlp_bias`).
  package let hasFeedForwardBias: Bool
  /// For each layer the number of latest positions, the query's own included, that it attends to; nil: all.
  package let windows: [Int?]
  /// `tie_word_embeddings`: the output head uses the embedding matrix.
  package let tiesEmbeddings: Bool
  /// `quantization_config`; nil for a model that is not quantized.
  package let quantization: QuantizationConfiguration?
  /// `bos_token_id`
  package let bosID: Int?
  /// `eos_token_id`: one or several, or none.
  package let eosIDs: [Int]
  /// `pad_token_id`; −1, which old files have, counts as none.
  package let padID: Int?

  /// Larger than any model's sizes; with it and the limit on layers, no count of weights overflows.
  static let limit = 1 << 24

  /// - Parameter file: the path of a config.json.
  package init(file: String) throws(Failure) {
    try self.init(try JSONDocument(try MappedFile(file).contents, source: file).cursor)
  }

  /// - Parameter config: the root of config.json.
  package init(_ config: JSONCursor) throws(Failure) {
    family = try Self.family(config)
    try ConfigurationFields.refuseUnsupported(config, family: family)
    func size(_ name: String) throws(Failure) -> Int { try config.field(name).integer(in: 1...Self.limit) }
    vocabularySize = try size("vocab_size")
    width = try size("hidden_size")
    feedForwardWidth = try size("intermediate_size")
    layerCount = try config.field("num_hidden_layers").integer(in: 1...4096)
    headCount = try size("num_attention_heads")
    keyValueHeadCount = try Self.keyValueHeads(config, family: family, heads: headCount)
    headWidth = try Self.headWidth(config, family: family, width: width, heads: headCount)
    contextLength =
      try config.optional("max_position_embeddings")?.integer(in: 1...Self.limit)
      ?? family.contextLength
    normEpsilon = try config.optional("rms_norm_eps")?.positive() ?? family.normEpsilon
    let scalars = try Self.scalars(config, family: family)
    embeddingMultiplier = scalars[.embeddingMultiplier] ?? 1
    attentionScale =
      scalars[.attentionMultiplier] ?? 1 / (scalars[.queryScale] ?? Double(headWidth)).squareRoot()
    attentionSoftCap = scalars[.attentionSoftCap]
    residualMultiplier = scalars[.residualMultiplier] ?? 1
    logitDivisor = scalars[.logitDivisor] ?? 1
    logitSoftCap = scalars[.logitSoftCap]
    let attentionBias = try Self.bias(config, "attention_bias", family: family)
    hasQueryKeyValueBias = attentionBias || family.hasQueryKeyValueBias
    hasAttentionOutputBias = attentionBias
    hasFeedForwardBias = try Self.bias(config, "mlp_bias", family: family)
    windows = try Self.windows(config, family: family, layers: layerCount)
    rotaries = try RotaryParameters.layers(
      .init(config: config, rotation: family.rotation, contextLength: contextLength, headWidth: headWidth),
      windows: windows)
    tiesEmbeddings = try config.optional("tie_word_embeddings")?.bool() ?? family.tiesEmbeddings
    quantization = try Self.quantization(config)
    let tokens = try SpecialTokens(
      config, defaults: family.tokens, vocabularySize: vocabularySize)
    (bosID, eosIDs, padID) = (tokens.bosID, tokens.eosIDs, tokens.padID)
  }

  /// What embeddings are multiplied with, when their weights are of that type: transformers rounds sqrt(D) to it.
  package func embeddingScale(weights dtype: DType) -> Float {
    let root = family.scalesEmbeddings ? Float(width).squareRoot() : 1
    return root.rounded(to: dtype) * Float(embeddingMultiplier)
  }

  private static func family(_ config: JSONCursor) throws(Failure) -> ModelFamily {
    let type = try config.field("model_type")
    let name = try type.string()
    guard let family = ModelFamily.all.first(where: { $0.modelType == name }) else {
      let known = ModelFamily.all.map(\.modelType).joined(separator: ", ")
      throw type.failure("the model type '\(name)' is not supported", hint: "supported types: \(known)")
    }
    guard let architectures = try config.optional("architectures") else { return family }
    var names: [String] = []
    for element in try architectures.elements() { names.append(try element.string()) }
    guard names.isEmpty || names == [family.architecture] else {
      throw architectures.failure(
        "\(names.joined(separator: ", ")) is not supported, expected \(family.architecture)")
    }
    return family
  }

  private static func keyValueHeads(
    _ config: JSONCursor, family: ModelFamily, heads: Int
  ) throws(Failure) -> Int {
    let isAbsent = config.value["num_key_value_heads"] == nil
    let field = try config.optional("num_key_value_heads")
    let count = try field?.integer(in: 1...heads) ?? (isAbsent ? family.keyValueHeadCount : nil) ?? heads
    guard heads % count == 0 else {
      throw (field ?? config).failure(
        "num_attention_heads \(heads) is not a multiple of num_key_value_heads \(count)")
    }
    return count
  }

  private static func headWidth(
    _ config: JSONCursor, family: ModelFamily, width: Int, heads: Int
  ) throws(Failure) -> Int {
    let field = try config.optional("head_dim")
    let absent = config.value["head_dim"] == nil ? family.headWidth : nil
    if field == nil, absent == nil, width % heads != 0 {
      throw try config.field("hidden_size").failure(
        "hidden_size \(width) is not a multiple of num_attention_heads \(heads), and there is no head_dim")
    }
    let headWidth = try field?.integer(in: 1...limit) ?? absent ?? width / heads
    guard headWidth % 2 == 0 else {
      throw (field ?? config).failure(
        "heads of width \(headWidth) cannot be rotated in pairs: the width must be even")
    }
    guard headWidth * heads <= limit else {
      throw (field ?? config).failure("\(heads) heads of \(headWidth) are too wide")
    }
    return headWidth
  }

  private static func bias(_ config: JSONCursor, _ name: String, family: ModelFamily) throws(Failure) -> Bool
  {
    guard let field = try config.optional(name), try field.bool() else { return false }
    guard family.biasFields.contains(name) else {
      throw field.failure("models of type \(family.modelType) have no such bias")
    }
    return true
  }
}

// MARK: - Quantization

extension ModelConfiguration {
  private static func quantization(_ config: JSONCursor) throws(Failure) -> QuantizationConfiguration? {
    guard let field = try config.optional("quantization_config"), field.value.objectValue?.isEmpty != true else {
      return nil
    }
    return try QuantizationConfiguration(field)
  }
}

// MARK: - Numbers that only some families have

extension ModelConfiguration {
  /// The family's numbers, those without effect left out. Another family's must be absent or null, or a multiplier of 1.
  private static func scalars(_ config: JSONCursor, family: ModelFamily) throws(Failure) -> [FamilyScalar.Name: Double]
  {
    var scalars: [FamilyScalar.Name: Double] = [:]
    for name in FamilyScalar.Name.allCases {
      let field = try config.optional(name.rawValue)
      if let own = family.scalars.first(where: { $0.name == name }) {
        let isAbsent = config.value[name.rawValue] == nil
        scalars[name] = try field?.positive() ?? (isAbsent ? own.absent : nil)
      } else if let field, !name.isMultiplier || field.value != 1 {
        throw field.failure("models of type \(family.modelType) have no '\(name.rawValue)'")
      }
    }
    return scalars
  }
}

extension FamilyScalar.Name {
  /// Whether 1 changes nothing.
  fileprivate var isMultiplier: Bool {
    switch self {
    case .embeddingMultiplier, .residualMultiplier, .logitDivisor: true
    case .queryScale, .attentionMultiplier, .attentionSoftCap, .logitSoftCap: false
    }
  }
}

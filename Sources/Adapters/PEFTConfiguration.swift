package import Failures
package import JSON

// adapter_config.json, as PEFT 0.21.2 writes it.

extension AdapterConfiguration {
  /// Reads an adapter_config.json. A field that asks for something that is not done here is refused by its name; one
  /// that is unknown too, unless its value is null, false or empty.
  package init(peft root: JSONCursor) throws(Failure) {
    let type = try root.field("peft_type")
    let method: AdapterMethod
    switch try type.string() {
    case "RANDLORA": method = .randlora
    case "LORA": method = .lora
    case let other:
      throw type.failure(
        "adapters of type '\(other)' are not supported", hint: "supported types: RANDLORA, LORA")
    }
    try Self.refuseUnsupported(root, method: method)
    let prefix = method.rawValue
    let targets = try root.field("target_modules")
    let excluded = try root.optional("exclude_modules").map { field throws(Failure) in try TargetModules(excluded: field) }
    let layers = try Self.layers(root)
    let rank = try root.field("r").integer(in: 1...Self.rankLimit)
    let alpha = try root.field("\(prefix)_alpha").double()
    let dropout = try root.optional("\(prefix)_dropout")?.double() ?? 0
    let key = try root.optional("projection_prng_key")?.integer() ?? 0
    let isSparse = try root.optional("sparse")?.bool() ?? false
    let isVerySparse = try root.optional("very_sparse")?.bool() ?? false
    let useRSLoRA = try root.optional("use_rslora")?.bool() ?? false
    let pattern = try Self.strings(root, "layers_pattern")
    let saved = try Self.strings(root, "modules_to_save")
    let bias = try Self.bias(root, method: method)
    let ranks = try ModulePattern.read(root, "rank_pattern"), alphas = try ModulePattern.read(root, "alpha_pattern")
    do throws(Failure) {
      try self.init(
        method: method, rank: rank, alpha: alpha, dropout: dropout,
        targetModules: TargetModules(peft: targets), excludedModules: excluded,
        layersToTransform: layers, layersPattern: pattern, projectionPRNGKey: key,
        sparsity: isVerySparse ? .verySparse : isSparse ? .sparse : .dense, useRSLoRA: useRSLoRA,
        bias: bias, modulesToSave: saved, rankPattern: ranks, alphaPattern: alphas)
    } catch {
      throw error.kind == .usage ? root.failure(error.message) : error
    }
  }

  private static func layers(_ root: JSONCursor) throws(Failure) -> [Int]? {
    guard let field = try root.optional("layers_to_transform") else { return nil }
    guard case .array = field.value else { return [try field.integer(in: 0...)] }
    var layers: [Int] = []
    for element in try field.elements() { layers.append(try element.integer(in: 0...)) }
    return layers
  }

  /// A string or a list of strings; nothing when the field is absent, null or empty.
  private static func strings(_ root: JSONCursor, _ name: String) throws(Failure) -> [String] {
    guard let field = try root.optional(name) else { return [] }
    guard case .array = field.value else { return try field.string().isEmpty ? [] : [field.string()] }
    var strings: [String] = []
    for element in try field.elements() { strings.append(try element.string()) }
    return strings
  }

  private static func bias(_ root: JSONCursor, method: AdapterMethod) throws(Failure) -> TrainedBiases {
    guard let field = try root.optional("bias") else { return .none }
    let name = try field.string()
    guard let bias = TrainedBiases.allCases.first(where: { $0.peftName(method) == name }) else {
      let known = TrainedBiases.allCases.map { $0.peftName(method) }.joined(separator: ", ")
      throw field.failure("'\(name)' says nothing about biases", hint: "known values: \(known)")
    }
    return bias
  }
}

extension TrainedBiases {
  /// `bias` in adapter_config.json.
  package func peftName(_ method: AdapterMethod) -> String { self == .adapted ? "\(method.rawValue)_only" : rawValue }
}

// MARK: - What is refused

extension AdapterConfiguration {
  /// Fields that this type holds.
  private static let readFields: [AdapterMethod: [String]] = [
    .randlora: [
      "randlora_alpha", "randlora_dropout", "projection_prng_key", "sparse", "very_sparse", "save_projection",
    ],
    .lora: ["lora_alpha", "lora_dropout", "use_rslora", "rank_pattern", "alpha_pattern", "exclude_modules"],
  ]

  /// Fields of both methods that are read, or that change nothing about an adapter that exists.
  private static let harmlessFields = [
    "peft_type", "r", "bias", "modules_to_save", "target_modules", "layers_to_transform", "layers_pattern", "auto_mapping",
    "base_model_name_or_path", "revision", "inference_mode", "peft_version", "megatron_core",
    "qalora_group_size",
    "runtime_config", "eva_config",
  ]

  /// Fields with more than one value that changes nothing, and what to do about another one.
  private static let allowedValues: [(field: String, values: [JSON], hint: String?)] = [
    ("task_type", ["CAUSAL_LM"], "known are CAUSAL_LM and null"), ("init_weights", [true, false], nil),
    (
      "init_lora_weights", [true, false, "gaussian", "orthogonal", "eva"],
      "PEFT changed the base's weights for it: save it with path_initial_model_for_weight_conversion"
    ),
  ]

  private static func refuseUnsupported(_ root: JSONCursor, method: AdapterMethod) throws(Failure) {
    let known = harmlessFields + (readFields[method] ?? [])
    for (name, cursor) in try root.members() where !isNeutral(cursor.value) {
      if known.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { continue }
      let allowed = allowedValues.first { $0.field.utf8.elementsEqual(name.utf8) }
      if let allowed, allowed.values.contains(cursor.value) { continue }
      throw cursor.failure(
        "'\(name)' with the value \(cursor.value.text(indent: 0)) is not supported",
        hint: allowed?.hint ?? "merge the adapter in PEFT with merge_and_unload(), save the model and import that")
    }
  }

  private static func isNeutral(_ value: JSON) -> Bool {
    switch value {
    case .null, .bool(false): true
    case .array(let elements): elements.isEmpty
    case .object(let object): object.isEmpty
    default: false
    }
  }
}

// MARK: - Writing

extension AdapterConfiguration {
  /// The fields that PEFT 0.21.2 writes, sorted by name.
  /// - Parameters:
  ///   - baseModel: the base model's id on the Hub; never a local path.
  ///   - revision: the revision of that model.
  ///   - saveProjection: whether the bases lie beside the parameters; without them PEFT draws its own.
  package func peftJSON(baseModel: String?, revision: String?, saveProjection: Bool) -> JSON {
    let layers: JSON = layersToTransform.map { .array($0.map(JSON.integer)) } ?? .null
    let common: JSONObject = [
      "auto_mapping": nil, "base_model_name_or_path": baseModel.map(JSON.string) ?? .null, "bias": .string(bias.peftName(method)),
      "fan_in_fan_out": false, "inference_mode": true, "layers_pattern": layersPatternJSON,
      "layers_to_transform": layers, "modules_to_save": modulesToSave.isEmpty ? .null : .array(modulesToSave.map(JSON.string)),
      "peft_type": .string(method.rawValue.uppercased()),
      "peft_version": "0.21.2", "r": .integer(rank), "revision": revision.map(JSON.string) ?? .null,
      "target_modules": targetModules.peftJSON, "task_type": "CAUSAL_LM",
    ]
    let own = method == .randlora ? randloraFields(saveProjection: saveProjection) : loraFields
    var fields = JSONObject()
    for (key, value) in (common.members + own.members).sorted(by: { $0.key < $1.key }) { fields[key] = value }
    return .object(fields)
  }

  private var layersPatternJSON: JSON {
    switch layersPattern.count {
    case 0: .null
    case 1: .string(layersPattern[0])
    default: .array(layersPattern.map(JSON.string))
    }
  }

  private func randloraFields(saveProjection: Bool) -> JSONObject {
    [
      "init_weights": true, "projection_prng_key": .integer(projectionPRNGKey),
      "randlora_alpha": .number(alpha),
      "randlora_dropout": .number(dropout), "save_projection": .bool(saveProjection),
      "sparse": .bool(sparsity == .sparse), "very_sparse": .bool(sparsity == .verySparse),
    ]
  }

  private var loraFields: JSONObject {
    [
      "alora_invocation_tokens": nil, "alpha_pattern": ModulePattern.json(alphaPattern), "arrow_config": nil, "corda_config": nil,
      "ensure_weight_tying": false, "eva_config": nil, "exclude_modules": excludedModules?.peftJSON ?? .null, "init_lora_weights": true,
      "kasa_config": nil, "layer_replication": nil, "loftq_config": [:], "lora_alpha": .number(alpha),
      "lora_bias": false, "lora_dropout": .number(dropout), "lora_ga_config": nil, "megatron_config": nil,
      "megatron_core": "megatron.core", "monteclora_config": nil, "qalora_group_size": 16,
      "rank_pattern": ModulePattern.json(rankPattern),
      "target_parameters": nil, "trainable_token_indices": nil, "use_bdlora": nil, "use_dora": false,
      "use_qalora": false, "use_rslora": .bool(useRSLoRA), "velora_config": nil,
    ]
  }
}

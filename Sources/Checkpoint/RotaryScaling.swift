import Failures
import JSON

#if canImport(Glibc)
  import Glibc
#endif

/// How rotary frequencies are stretched for contexts longer than a model was first trained on: `rope_type`, with the
/// parameters of the type (transformers/modeling_rope_utils.py).
package enum RotaryScaling: Sendable, Equatable {
  /// "default": frequencies as they are.
  case none
  /// "linear": every frequency is divided by `factor`.
  case linear(factor: Double)
  /// "dynamic": rows longer than the context get a larger base wavelength, each by its own length.
  case dynamic(factor: Double, contextLength: Int)
  /// "llama3": low frequencies are divided by `factor`, high ones kept, those between interpolated.
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)
  case yarn(YaRN)
  case longRoPE(LongRoPE)

  /// "yarn" (Peng et al. 2023): as llama3, with bounds counted in rotations, and sharper attention.
  package struct YaRN: Sendable, Equatable {
    package let factor: Double
    /// `beta_fast` and `beta_slow`: rotations over the original context above which frequencies are kept, and below which they
    /// are divided.
    package let betaFast, betaSlow: Double
    package let originalContextLength: Int
    /// `truncate`: whether the bounds are rounded outwards to whole pairs of dimensions.
    package let truncates: Bool
    package let attentionFactor: Double
  }

  /// "longrope" (Ding et al. 2024): each frequency is divided by a factor of its own, of one list up to the original context
  /// and of another beyond.
  package struct LongRoPE: Sendable, Equatable {
    /// One factor a rotated pair.
    package let shortFactors, longFactors: [Double]
    package let originalContextLength: Int
    package let attentionFactor: Double
  }

  /// What cosines and sines are multiplied with.
  package var attentionFactor: Double {
    switch self {
    case .none, .linear, .dynamic, .llama3: 1
    case .yarn(let yarn): yarn.attentionFactor
    case .longRoPE(let long): long.attentionFactor
    }
  }
}

// MARK: - Reading

extension RotaryScaling {
  /// - Parameter width: w, how many entries of a head are rotated.
  init(_ cursor: JSONCursor, _ around: RotaryParameters.Surroundings, width: Int) throws(Failure) {
    let older = try cursor.optional("type")
    let type = try cursor.optional("rope_type") ?? older
    let name = try type?.string() ?? "default"
    switch around.rotation.typeAliases[name] ?? name {
    case "default":
      try cursor.allowScaling([])
      self = .none
    case "linear":
      try cursor.allowScaling(["factor"])
      self = .linear(factor: try cursor.field("factor").positive())
    case "dynamic":
      self = try Self.dynamic(cursor, around, width: width)
    case "llama3":
      self = try Self.llama3(cursor, around)
    case "yarn":
      self = .yarn(try YaRN(cursor, around))
    case "longrope":
      self = .longRoPE(try LongRoPE(cursor, around, width: width))
    default:
      throw (type ?? cursor).failure(
        "the rope type '\(name)' is not supported",
        hint: "supported types: default, linear, dynamic, llama3, yarn, longrope")
    }
  }

  private static func dynamic(
    _ cursor: JSONCursor, _ around: RotaryParameters.Surroundings, width: Int
  ) throws(Failure) -> Self {
    try cursor.allowScaling(["factor"])
    guard width > 2 else { throw cursor.failure("a single pair of dimensions cannot be scaled dynamically") }
    let factor = try cursor.field("factor")
    guard try factor.positive() >= 1 else { throw factor.failure("\(try factor.double()) is less than 1") }
    return .dynamic(factor: try factor.double(), contextLength: around.contextLength)
  }

  private static func llama3(_ cursor: JSONCursor, _ around: RotaryParameters.Surroundings) throws(Failure) -> Self {
    try cursor.allowScaling([
      "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
    ])
    let low = try cursor.field("low_freq_factor").positive()
    let high = try cursor.field("high_freq_factor").positive()
    guard low < high else {
      throw try cursor.field("high_freq_factor").failure("\(high) is not greater than low_freq_factor \(low)")
    }
    return .llama3(
      factor: try cursor.field("factor").positive(), lowFrequencyFactor: low, highFrequencyFactor: high,
      originalContextLength: try around.originalContextLength(cursor))
  }
}

extension RotaryScaling.YaRN {
  fileprivate init(_ cursor: JSONCursor, _ around: RotaryParameters.Surroundings) throws(Failure) {
    try cursor.allowScaling([
      "factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate", "finetuned",
      "original_max_position_embeddings",
    ])
    factor = try cursor.field("factor").positive()
    betaFast = try cursor.optional("beta_fast")?.positive() ?? 32
    betaSlow = try cursor.optional("beta_slow")?.positive() ?? 1
    originalContextLength = try around.originalContextLength(cursor)
    truncates = try cursor.optional("truncate")?.bool() ?? true
    let factor = factor
    func scale(_ multiplier: Double) -> Double { factor <= 1 ? 1 : 0.1 * multiplier * log(factor) + 1 }
    let one = try cursor.optional("mscale")?.double() ?? 0
    let all = try cursor.optional("mscale_all_dim")?.double() ?? 0
    let inferred = one != 0 && all != 0 ? scale(one) / scale(all) : scale(1)
    attentionFactor = try cursor.optional("attention_factor")?.positive() ?? inferred
    guard attentionFactor > 0, attentionFactor.isFinite else {
      throw try cursor.field("mscale").failure("mscale and mscale_all_dim make an attention factor of \(attentionFactor)")
    }
  }
}

extension RotaryScaling.LongRoPE {
  fileprivate init(
    _ cursor: JSONCursor, _ around: RotaryParameters.Surroundings, width: Int
  ) throws(Failure) {
    try cursor.allowScaling([
      "short_factor", "long_factor", "factor", "attention_factor", "original_max_position_embeddings",
    ])
    func factors(_ name: String) throws(Failure) -> [Double] {
      let field = try cursor.field(name)
      var values: [Double] = []
      for element in try field.elements() { values.append(try element.positive()) }
      guard values.count == width / 2 else {
        throw field.failure("\(values.count) factors for \(width / 2) rotated pairs of dimensions")
      }
      return values
    }
    shortFactors = try factors("short_factor")
    longFactors = try factors("long_factor")
    originalContextLength = try around.originalContextLength(cursor)
    let factor =
      try cursor.optional("factor")?.positive() ?? Double(around.contextLength) / Double(originalContextLength)
    let inferred = factor <= 1 ? 1 : (1 + log(factor) / log(Double(originalContextLength))).squareRoot()
    attentionFactor = try cursor.optional("attention_factor")?.positive() ?? inferred
  }
}

extension RotaryParameters.Surroundings {
  /// `original_max_position_embeddings`: beside the parameters, else among them, else the model's context.
  fileprivate func originalContextLength(_ cursor: JSONCursor) throws(Failure) -> Int {
    let name = "original_max_position_embeddings"
    let inner = try cursor.optional(name)
    return try (try config.optional(name) ?? inner)?.integer(in: 2...ModelConfiguration.limit) ?? max(2, contextLength)
  }
}

extension JSONCursor {
  /// Refuses parameters that a rope type does not have.
  fileprivate func allowScaling(_ own: [String]) throws(Failure) {
    try allowOnly(["rope_type", "type", "rope_theta", "partial_rotary_factor"] + own)
  }
}

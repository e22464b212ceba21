import Failures
import JSON

/// How positions turn into rotations: the base wavelength and how it is stretched for long contexts.
package struct RotaryParameters: Sendable, Equatable {
  /// `rope_type`, with the parameters of the type.
  package enum Scaling: Sendable, Equatable {
    /// "default": frequencies as they are.
    case none
    /// "linear": every frequency is divided by `factor`.
    case linear(factor: Double)
    /// "llama3": low frequencies are divided by `factor`, high ones kept, those between interpolated.
    case llama3(
      factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int)
  }

  /// `rope_theta`
  package let theta: Double
  package let scaling: Scaling

  /// Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4).
  /// - Parameters:
  ///   - config: the root of config.json.
  ///   - contextLength: `max_position_embeddings`.
  init(config: JSONCursor, contextLength: Int) throws(Failure) {
    let newer = try config.optional("rope_parameters")
    let older = try config.optional("rope_scaling")
    if newer != nil, let older {
      throw older.failure("both 'rope_scaling' and 'rope_parameters' are set", hint: "keep one of them")
    }
    theta = try Self.theta(config: config, nested: newer ?? older)
    scaling =
      try (newer ?? older).map { cursor throws(Failure) in
        try Self.scaling(cursor, contextLength: contextLength)
      } ?? .none
  }

  private static func theta(config: JSONCursor, nested: JSONCursor?) throws(Failure) -> Double {
    let outer = try config.optional("rope_theta")?.positive()
    guard let inner = try nested?.optional("rope_theta") else { return outer ?? 10_000 }
    let value = try inner.positive()
    if let outer, outer != value { throw inner.failure("\(value), but 'rope_theta' beside it says \(outer)") }
    return value
  }

  private static func scaling(_ cursor: JSONCursor, contextLength: Int) throws(Failure) -> Scaling {
    let older = try cursor.optional("type")
    let type = try cursor.optional("rope_type") ?? older
    if let rotary = try cursor.optional("partial_rotary_factor"), try rotary.double() != 1 {
      throw rotary.failure("rotating only a part of each head is not supported")
    }
    let common = ["rope_type", "type", "rope_theta", "partial_rotary_factor"]
    switch try type?.string() ?? "default" {
    case "default":
      try cursor.allowOnly(common)
      return .none
    case "linear":
      try cursor.allowOnly(common + ["factor"])
      return .linear(factor: try cursor.field("factor").positive())
    case "llama3":
      try cursor.allowOnly(
        common + ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"])
      return try llama3(cursor, contextLength: contextLength)
    case let other:
      throw (type ?? cursor).failure(
        "the rope type '\(other)' is not supported", hint: "supported types: default, linear, llama3")
    }
  }

  private static func llama3(_ cursor: JSONCursor, contextLength: Int) throws(Failure) -> Scaling {
    let low = try cursor.field("low_freq_factor").positive()
    let high = try cursor.field("high_freq_factor").positive()
    guard low < high else {
      throw try cursor.field("high_freq_factor").failure("\(high) is not greater than low_freq_factor \(low)")
    }
    let original = try cursor.optional("original_max_position_embeddings")?.integer(
      in: 1...ModelConfiguration.limit)
    return .llama3(
      factor: try cursor.field("factor").positive(), lowFrequencyFactor: low, highFrequencyFactor: high,
      originalContextLength: original ?? contextLength)
  }
}

extension JSONCursor {
  /// A number greater than zero.
  func positive() throws(Failure) -> Double {
    let value = try double()
    guard value > 0 else { throw failure("\(value) is not greater than zero") }
    return value
  }
}

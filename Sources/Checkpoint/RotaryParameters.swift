import Failures
import JSON

/// How positions turn into rotations: the base wavelength, how it is stretched for long contexts, and how much of a head is
/// rotated.
package struct RotaryParameters: Sendable, Equatable {
  /// `rope_theta`
  package let theta: Double
  package let scaling: RotaryScaling
  /// w: the entries of a head, from the first on, that are rotated; even.
  package let width: Int

  /// What stands beside the parameters in config.json and matters to them.
  struct Surroundings {
    let config: JSONCursor
    let rotation: ModelFamily.Rotation
    /// `max_position_embeddings`
    let contextLength: Int
    let headWidth: Int
  }

  /// The parameters of every layer; nil where it is not rotated.
  ///
  /// Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4), `no_rope_layers` and,
  /// for layers with a window that have parameters of their own, `rope_local_base_freq` or one object a kind of layer.
  /// - Parameter windows: of the layers.
  static func layers(_ around: Surroundings, windows: [Int?]) throws(Failure) -> [RotaryParameters?] {
    let config = around.config
    let newer = try config.optional("rope_parameters")
    let older = try config.optional("rope_scaling")
    if newer != nil, let older {
      throw older.failure("both 'rope_scaling' and 'rope_parameters' are set", hint: "keep one of them")
    }
    guard let localTheta = around.rotation.localTheta else {
      let all = try RotaryParameters(newer ?? older, around, theta: ("rope_theta", around.rotation.theta))
      return try unrotated(config, around.rotation, layers: windows.count).map { $0 ? nil : all }
    }
    try newer?.allowOnly(["full_attention", "sliding_attention"])
    let global = try RotaryParameters(
      try newer?.optional("full_attention") ?? older, around, theta: ("rope_theta", around.rotation.theta))
    let local = try RotaryParameters(
      try newer?.optional("sliding_attention"), around, theta: ("rope_local_base_freq", localTheta))
    return windows.map { $0 == nil ? global : local }
  }

  /// For each layer whether it is left unrotated.
  static func unrotated(
    _ config: JSONCursor, _ rotation: ModelFamily.Rotation, layers: Int
  ) throws(Failure) -> [Bool] {
    let list = try config.optional("no_rope_layers")
    guard let absent = rotation.unrotatedInterval else {
      if let list { throw list.failure("layers without rotation are not supported for this type of model") }
      return Array(repeating: false, count: layers)
    }
    guard let list else {
      let interval =
        try config.optional("no_rope_layer_interval")?.integer(in: 1...ModelConfiguration.limit) ?? absent
      return (1...layers).map { $0 % interval == 0 }
    }
    let elements = try list.elements()
    guard elements.count == layers else {
      throw list.failure("\(elements.count) entries for num_hidden_layers \(layers)")
    }
    var unrotated: [Bool] = []
    for element in elements { unrotated.append(try element.integer(in: 0...1) == 0) }
    return unrotated
  }

  /// - Parameters:
  ///   - cursor: the object that holds the parameters, if there is one.
  ///   - outer: the field of config.json that may hold theta too, and what it is when neither has it.
  private init(
    _ cursor: JSONCursor?, _ around: Surroundings, theta outer: (field: String, absent: Double)
  ) throws(Failure) {
    let given = try around.config.optional(outer.field)?.positive()
    let inner = try cursor?.optional("rope_theta")
    theta = try inner?.positive() ?? given ?? outer.absent
    if let inner, let given, given != theta {
      throw inner.failure("\(theta), but '\(outer.field)' beside it says \(given)")
    }
    let width = try Self.width(cursor, around)
    let scaling =
      try cursor.map { cursor throws(Failure) in try RotaryScaling(cursor, around, width: width) } ?? .none
    if case .yarn = scaling, theta <= 1, let cursor { throw cursor.failure("yarn needs a rope_theta above 1") }
    (self.width, self.scaling) = (width, scaling)
  }

  private static func width(_ cursor: JSONCursor?, _ around: Surroundings) throws(Failure) -> Int {
    let inner = try cursor?.optional("partial_rotary_factor")
    let outer = try around.config.optional("partial_rotary_factor")
    guard let field = inner ?? outer else { return around.headWidth }
    let factor = try field.positive()
    guard factor <= 1, around.rotation.mayBePartial || factor == 1 else {
      throw field.failure(
        factor > 1 ? "\(factor) is greater than 1" : "rotating only a part of each head is not supported")
    }
    let width = Int(Double(around.headWidth) * factor)
    guard width >= 2, width % 2 == 0 else {
      throw field.failure("\(width) of the \(around.headWidth) entries of a head cannot be rotated in pairs")
    }
    return width
  }
}

extension JSONCursor {
  /// A number greater than zero, and neither so small nor so large that sums with it lose all meaning.
  func positive() throws(Failure) -> Double {
    let value = try double()
    guard value > 0 else { throw failure("\(value) is not greater than zero") }
    guard 1e-30...1e30 ~= value else { throw failure("\(value) is out of range") }
    return value
  }
}

import Failures
import JSON

extension ModelConfiguration {
  /// For each layer the number of latest positions that it attends to; nil: all.
  static func windows(_ config: JSONCursor, family: ModelFamily, layers: Int) throws(Failure) -> [Int?] {
    let field = try config.optional("sliding_window")
    let isAbsent = config.value["sliding_window"] == nil
    let given = try field?.integer(in: 1...limit)
    let types = try config.optional("layer_types")
    switch family.windows {
    case .none:
      if let field { throw field.failure("models of type \(family.modelType) have no sliding window") }
      return try types.map { types throws(Failure) in try windows(named: types, window: nil, layers: layers) }
        ?? Array(repeating: nil, count: layers)
    case .everyLayer(let absent):
      let window = given ?? (isAbsent ? absent : nil)
      if let types { return try windows(named: types, window: window, isUniform: true, layers: layers) }
      return Array(repeating: window, count: layers)
    case .onRequest(let absent):
      let window = try isUsed(config) ? given ?? (isAbsent ? absent : nil) : nil
      if let types { return try windows(named: types, window: window, layers: layers) }
      let first = try config.optional("max_window_layers")?.integer(in: 0...limit) ?? 28
      return (0..<layers).map { $0 >= first ? window : nil }
    case .unrotatedLayersOnRequest:
      let window = try isUsed(config) ? given : nil
      if let types { return try windows(named: types, window: window, layers: layers) }
      return try RotaryParameters.unrotated(config, family.rotation, layers: layers).map { $0 ? window : nil }
    case .alternating(let pattern, let absent):
      guard let window = given ?? (isAbsent ? absent : nil) else {
        throw try config.field("sliding_window").failure("models of type \(family.modelType) need a sliding window")
      }
      if let types { return try windows(named: types, window: window, layers: layers) }
      let period = try config.optional("sliding_window_pattern")?.integer(in: 1...limit) ?? pattern
      return (1...layers).map { $0 % period == 0 ? nil : window }
    }
  }

  /// `use_sliding_window`
  private static func isUsed(_ config: JSONCursor) throws(Failure) -> Bool {
    try config.optional("use_sliding_window")?.bool() ?? false
  }

  private static func windows(
    named types: JSONCursor, window: Int?, isUniform: Bool = false, layers: Int
  ) throws(Failure) -> [Int?] {
    let elements = try types.elements()
    guard elements.count == layers else {
      throw types.failure("\(elements.count) entries for num_hidden_layers \(layers)")
    }
    var windows: [Int?] = []
    for element in elements {
      switch try element.string() {
      case "full_attention" where !isUniform || window == nil: windows.append(nil)
      case "sliding_attention" where window != nil: windows.append(window)
      case let name: throw element.failure("'\(name)' does not agree with the model's sliding window")
      }
    }
    return windows
  }
}

import JSON

/// Makes rows a little wrong, the same way each time.
struct RowMutation {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func random(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % limit
  }

  /// A value of JSON with one of its parts replaced or left out.
  /// - Returns: nil where the value is left out.
  mutating func apply(to value: JSON) -> JSON? {
    switch value {
    case .array(var elements) where !elements.isEmpty && random(5) > 0:
      let index = random(elements.count)
      guard let element = apply(to: elements[index]) else { elements.remove(at: index); return .array(elements) }
      elements[index] = element
      return .array(elements)
    case .object(var object) where !object.isEmpty && random(5) > 0:
      let key = object.keys[random(object.count)]
      object[key] = apply(to: object[key] ?? .null)
      return .object(object)
    default:
      let values: [JSON?] = [nil, .null, true, 7, -0.5, "", "user", "gpt", "{", [], [1], [:], ["type": "text"]]
      return values[random(values.count)]
    }
  }

  /// Bytes with some replaced, left out or added.
  mutating func apply(to bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random(3) {
      let place = random(bytes.count)
      switch random(3) {
      case 0: bytes[place] = UInt8(random(256))
      case 1: bytes.remove(at: place)
      default: bytes.insert(Array("\"{}[],:-1\n".utf8)[random(10)], at: place)
      }
    }
    return bytes
  }
}

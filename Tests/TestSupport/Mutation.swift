package import Failures
package import Testing

/// SplitMix64: the same mutations at every run.
package struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  package init(state: UInt64) { self.state = state }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// Bytes with one to three small damages: a flipped bit, a replaced, removed or doubled stretch, or an early end.
package func mutated(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
  var bytes = bytes
  for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
    let place = Int.random(in: 0..<bytes.count, using: &generator)
    let end = min(bytes.count, place + Int.random(in: 1...8, using: &generator))
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[place] = [0x30, 0x39, 0x2D, 0x22, 0x7B, 0x5D].randomElement(using: &generator) ?? 0
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
    case 4: bytes.insert(contentsOf: Array("99999999999".utf8), at: place)
    default: bytes.removeSubrange(place...)
    }
  }
  return bytes
}

/// The failure that a body throws; fails the test when it throws nothing or something else.
package func failure(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> Failure
{
  let error = #expect(throws: Failure.self, sourceLocation: sourceLocation) { try body() }
  return error ?? Failure(.internal, "nothing was thrown")
}

import Tensor

/// The random numbers that torch draws on the CPU: a Mersenne Twister (MT19937), seeded as `manual_seed` does.
struct TorchGenerator {
  private var state: [UInt32]
  private var position = Self.size

  private static let size = 624
  private static let middle = 397

  /// - Parameter seed: only the lower 32 bits count, as in torch.
  init(seed: Int) {
    state = [UInt32(truncatingIfNeeded: seed)]
    state.reserveCapacity(Self.size)
    for index in 1..<Self.size {
      let previous = state[index - 1]
      state.append(1_812_433_253 &* (previous ^ previous >> 30) &+ UInt32(index))
    }
  }

  /// The next 32 random bits.
  mutating func next() -> UInt32 {
    if position == Self.size { refill() }
    var y = state[position]
    position += 1
    y ^= y >> 11
    y ^= y << 7 & 0x9D2C_5680
    y ^= y << 15 & 0xEFC6_0000
    return y ^ y >> 18
  }

  private mutating func refill() {
    for index in 0..<Self.size {
      let mixed = state[index] & 0x8000_0000 | state[(index + 1) % Self.size] & 0x7FFF_FFFF
      let twist: UInt32 = mixed & 1 == 0 ? 0 : 0x9908_B0DF
      state[index] = state[(index + Self.middle) % Self.size] ^ mixed >> 1 ^ twist
    }
    position = 0
  }

  /// `torch.rand` in float32: 24 bits, in 0..<1.
  mutating func uniform() -> Float { Float(next() & 0xFF_FFFF) * 0x1p-24 }

  /// `uniform_(-bound, bound)` in float32; the upper bound itself becomes the lower one.
  mutating func uniform(bound: Float) -> Float {
    let value = (-bound).addingProduct(uniform(), bound + bound)
    return value == bound ? -bound : value
  }

  /// `uniform_(-bound, bound)` on a bfloat16 tensor, as torch 2.15 draws it: computed in float32 and rounded.
  mutating func uniformBFloat16(bound: Float) -> Float {
    let value = (-bound).addingProduct(uniform(), bound + bound).roundedToBFloat16
    let upper = bound.roundedToBFloat16
    return value == upper ? -upper : value
  }

  /// The bound of `kaiming_uniform_(a: sqrt(5))`: 1/sqrt(fanIn), rounded at the same places as there.
  static func kaimingBound(fanIn: Int) -> Float {
    let slope = 5.0.squareRoot()
    let gain = (2 / (1 + slope * slope)).squareRoot()
    return Float(3.0.squareRoot() * (gain / Double(fanIn).squareRoot()))
  }
}

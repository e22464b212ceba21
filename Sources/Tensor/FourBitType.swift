/// A 4-bit type of bitsandbytes: sixteen values between −1 and 1 that a block's scale stretches.
package enum FourBitType: String, Sendable, CaseIterable {
  /// Quantiles of the normal distribution (QLoRA, arXiv 2305.14314).
  case nf4
  /// Sign, two exponent bits, one mantissa bit.
  case fp4

  /// The value of each code: bitsandbytes' `quant_map`.
  package var values: [Float] {
    switch self {
    case .nf4:
      [
        -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
        0.7229568362236023, 1,
      ]
    case .fp4:
      [0, 0.0625, 8, 12, 4, 6, 2, 3, 0, -0.0625, -8, -12, -4, -6, -2, -3].map { $0 / 12 }
    }
  }

  /// The codes in the order of their values; equal values keep their order.
  private var order: [UInt8] {
    let values = values
    return (0..<16).sorted { (values[$0], $0) < (values[$1], $1) }.map(UInt8.init)
  }

  /// What the kernels look up, made once.
  struct Tables: Sendable {
    /// (256, 2): the values that a byte of two codes stands for.
    let pairs: Tensor
    /// The codes in the order of their values.
    let order: [UInt8]
    /// Midpoints between neighbouring values, (15).
    let bounds: [Float]

    fileprivate init(_ type: FourBitType) {
      let values = type.values, order = type.order
      pairs = Tensor((0..<256).flatMap { [values[$0 >> 4], values[$0 & 15]] }, shape: [256, 2])
      self.order = order
      bounds = (0..<15).map { (values[Int(order[$0])] + values[Int(order[$0 + 1])]) / 2 }
    }
  }

  private static let nf4Tables = Tables(.nf4)
  private static let fp4Tables = Tables(.fp4)

  var tables: Tables { self == .nf4 ? Self.nf4Tables : Self.fp4Tables }
}

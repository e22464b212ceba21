/// bitsandbytes' signed dynamic 8-bit type, in which double quantization keeps the scales of blocks: 256 values from
/// about −1 to 1 that stand closer together around zero.
enum DynamicMap {
  /// The value of each code, in ascending order: `nested_quant_map`.
  static let values: [Float] = {
    var values: [Float] = [0, 1]
    let magnitudes: [Float] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]
    for (exponent, magnitude) in magnitudes.enumerated() {
      let ends = line(count: (1 << exponent) + 1)
      for (low, high) in zip(ends, ends.dropFirst()) {
        let value = magnitude * ((low + high) / 2)
        values += [value, -value]
      }
    }
    return values.sorted()
  }()

  /// The code nearest to each of 65536 steps from −1 to 1: bitsandbytes looks codes up by step.
  static let nearest: [UInt8] = {
    let bounds = zip(values, values.dropFirst()).map { ($0 + $1) / 2 }
    var code = 0
    return (0..<65536).map { step in
      let value = Float(Double(step) / 32767.5 - 1)
      while code < 255, bounds[code] < value { code += 1 }
      return UInt8(code)
    }
  }()

  /// `torch.linspace(0.1, 1, count)`: from both ends towards the middle, each product and sum rounded once.
  private static func line(count: Int) -> [Float] {
    let step = (1 - Float(0.1)) / Float(count - 1)
    return (0..<count).map { index in
      index < count / 2
        ? Float(0.1).addingProduct(step, Float(index))
        : Float(1).addingProduct(-step, Float(count - 1 - index))
    }
  }
}

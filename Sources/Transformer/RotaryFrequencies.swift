import Checkpoint
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

extension RotaryEmbedding {
  /// The frequencies that a model's configuration asks for (transformers/modeling_rope_utils.py).
  init(_ parameters: RotaryParameters) {
    let factor = Float(parameters.scaling.attentionFactor)
    let plain = parameters.inverseFrequencies(theta: parameters.theta)
    func always(_ frequencies: [Float]) -> RotaryEmbedding {
      RotaryEmbedding(attentionFactor: factor) { _ in frequencies }
    }
    switch parameters.scaling {
    case .none:
      self = always(plain)
    case .linear(let factor):
      self = always(plain.map { $0 / Float(factor) })
    case .dynamic(let factor, let context):
      self.init { parameters.dynamicFrequencies(rowLength: $0, factor: factor, context: context) }
    case .llama3(let factor, let low, let high, let original):
      self = always(plain.map { llama3($0, factor: factor, low: low, high: high, original: Double(original)) })
    case .yarn(let yarn):
      self = always(yarn.inverseFrequencies(plain, theta: parameters.theta))
    case .longRoPE(let long):
      let short = zip(plain, long.shortFactors).map { $0 / Float($1) }
      let extended = zip(plain, long.longFactors).map { $0 / Float($1) }
      self.init(attentionFactor: factor) { $0 > long.originalContextLength ? extended : short }
    }
  }
}

extension RotaryParameters {
  /// (w/2)
  fileprivate func inverseFrequencies(theta: Double) -> [Float] {
    (0..<width / 2).map { Float(1 / pow(theta, Double(2 * $0) / Double(width))) }
  }

  fileprivate func dynamicFrequencies(rowLength: Int, factor: Double, context: Int) -> [Float] {
    let stretch = factor * Double(max(rowLength, context)) / Double(context) - (factor - 1)
    return inverseFrequencies(theta: theta * pow(stretch, Double(width) / Double(width - 2)))
  }
}

private func llama3(_ frequency: Float, factor: Double, low: Double, high: Double, original: Double) -> Float {
  let wavelength = 2 * Double.pi / Double(frequency)
  if wavelength < original / high { return frequency }
  if wavelength > original / low { return frequency / Float(factor) }
  let smooth = (original / wavelength - low) / (high - low)
  return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
}

extension RotaryScaling.YaRN {
  /// - Parameter plain: (w/2), the frequencies before they are stretched.
  fileprivate func inverseFrequencies(_ plain: [Float], theta: Double) -> [Float] {
    let width = Double(2 * plain.count)
    /// The pair of dimensions that turns so often over the original context.
    func pair(rotations: Double) -> Double {
      width * log(Double(originalContextLength) / (rotations * 2 * .pi)) / (2 * log(theta))
    }
    let (first, last) = (pair(rotations: betaFast), pair(rotations: betaSlow))
    let low = max(truncates ? first.rounded(.down) : first, 0)
    var high = min(truncates ? last.rounded(.up) : last, width - 1)
    if low == high { high += 0.001 }
    return plain.enumerated().map { index, frequency in
      let divided = min(max((Double(index) - low) / (high - low), 0), 1)
      return Float(Double(frequency) * (divided / factor + (1 - divided)))
    }
  }
}

import Checkpoint
import Tensor

#if canImport(Glibc)
  import Glibc
#endif

extension RotaryEmbedding {
  /// The frequencies that a model's configuration asks for (transformers/modeling_rope_utils.py).
  /// - Parameter headWidth: d
  init(_ parameters: RotaryParameters, headWidth: Int) {
    let plain = (0..<headWidth / 2).map { Float(1 / pow(parameters.theta, Double(2 * $0) / Double(headWidth))) }
    self.init(inverseFrequencies: plain.map { parameters.scaling.apply(to: $0) })
  }
}

extension RotaryParameters.Scaling {
  /// An angular frequency as this scaling stretches it.
  fileprivate func apply(to frequency: Float) -> Float {
    switch self {
    case .none: return frequency
    case .linear(let factor): return frequency / Float(factor)
    case .llama3(let factor, let low, let high, let original):
      let wavelength = 2 * Double.pi / Double(frequency)
      if wavelength < Double(original) / high { return frequency }
      if wavelength > Double(original) / low { return frequency / Float(factor) }
      let smooth = (Double(original) / wavelength - low) / (high - low)
      return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
    }
  }
}

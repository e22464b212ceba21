import CKernels

#if canImport(Glibc)
  import Glibc
#endif

/// Rotary position embedding (Su et al. 2021) in the rotate-half layout of Hugging Face checkpoints.
package struct RotaryEmbedding: Sendable {
  /// One angular frequency a pair of dimensions, (w/2), for a row of so many tokens; w ≤ d is how much of a head is rotated.
  private let inverseFrequencies: @Sendable (_ rowLength: Int) -> [Float]
  /// What cosines and sines are multiplied with, so that scores grow with its square.
  private let attentionFactor: Float

  /// - Parameter inverseFrequencies: as many for every length.
  package init(attentionFactor: Float = 1, inverseFrequencies: @escaping @Sendable (_ rowLength: Int) -> [Float]) {
    self.inverseFrequencies = inverseFrequencies
    self.attentionFactor = attentionFactor
  }

  package init(inverseFrequencies: [Float]) { self.init { _ in inverseFrequencies } }

  /// Whether a row of either length is rotated by the same angles, so that keys of the shorter serve the longer.
  package func isSame(forLengths a: Int, _ b: Int) -> Bool { inverseFrequencies(a) == inverseFrequencies(b) }

  /// Cosines and sines of the angles of the tokens of some rows. Phases are formed in float32, as transformers forms them.
  ///
  /// A row's frequencies may depend on its own length, never on that of the rows beside it.
  package func table(_ rows: Rows) -> Table {
    let frequencies = rows.spans.map { inverseFrequencies(Int(rows.positions[$0.upperBound - 1]) + 1) }
    let half = frequencies.first?.count ?? 0
    let table = Table(cosine: Tensor(rows.tokens, half), sine: Tensor(rows.tokens, half))
    for (span, frequencies) in zip(rows.spans, frequencies) {
      Parallel.forEach(span.count) { place in
        let token = span.lowerBound + place
        for (i, frequency) in frequencies.enumerated() {
          let angle = Double(Float(rows.positions[token]) * frequency)
          unsafe table.cosine.pointer[token * half + i] = Float(cos(angle)) * attentionFactor
          unsafe table.sine.pointer[token * half + i] = Float(sin(angle)) * attentionFactor
        }
      }
    }
    return table
  }

  /// Cosines and sines of the angles of some tokens.
  package struct Table: Sendable {
    /// (T, w/2)
    package let cosine: Tensor
    /// (T, w/2)
    package let sine: Tensor

    /// Rotates `x` (T, heads, d) in place.
    package func forward(_ x: Tensor, heads: Int) { rotate(x, heads: heads, direction: 1) }

    /// Turns the gradient of rotated values into that of the unrotated ones, in place.
    package func backward(_ dX: Tensor, heads: Int) { rotate(dX, heads: heads, direction: -1) }

    private func rotate(_ x: Tensor, heads: Int, direction: Float) {
      let T = cosine.shape[0], half = cosine.shape[1]
      let width = x.count / max(1, T * heads)
      precondition(x.count == T * heads * width && half * 2 <= width)
      Parallel.forEachRange(of: T, by: 32) { range in
        let at = range.lowerBound
        unsafe rl_rope(
          range.count, heads, width, half * 2, direction, cosine.pointer + at * half, sine.pointer + at * half,
          x.pointer + at * heads * width)
      }
    }
  }
}

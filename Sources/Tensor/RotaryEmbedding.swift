import CKernels

#if canImport(Glibc)
  import Glibc
#endif

/// Rotary position embedding (Su et al. 2021) in the rotate-half layout of Hugging Face checkpoints.
package struct RotaryEmbedding: Sendable {
  /// One angular frequency a pair of dimensions, (d/2).
  package let inverseFrequencies: [Float]

  package init(inverseFrequencies: [Float]) { self.inverseFrequencies = inverseFrequencies }

  /// Cosines and sines of the angles of some positions.
  package struct Table: Sendable {
    /// (T, d/2)
    package let cosine: Tensor
    /// (T, d/2)
    package let sine: Tensor
  }

  /// Phases are formed in float32, as transformers forms them.
  package func table(positions: [UInt32]) -> Table {
    let half = inverseFrequencies.count
    let table = Table(cosine: Tensor(positions.count, half), sine: Tensor(positions.count, half))
    Parallel.forEach(positions.count) { token in
      for (i, frequency) in inverseFrequencies.enumerated() {
        let angle = Double(Float(positions[token]) * frequency)
        unsafe table.cosine.pointer[token * half + i] = Float(cos(angle))
        unsafe table.sine.pointer[token * half + i] = Float(sin(angle))
      }
    }
    return table
  }

  /// Rotates `x` (T, heads, d) in place.
  package func forward(_ x: Tensor, heads: Int, table: Table) { rotate(x, heads: heads, table: table, direction: 1) }

  /// Turns the gradient of rotated values into that of the unrotated ones, in place.
  package func backward(_ dX: Tensor, heads: Int, table: Table) {
    rotate(dX, heads: heads, table: table, direction: -1)
  }

  private func rotate(_ x: Tensor, heads: Int, table: Table, direction: Float) {
    let half = inverseFrequencies.count
    let T = table.cosine.shape[0]
    precondition(x.count == T * heads * half * 2)
    Parallel.forEachRange(of: T, by: 32) { range in
      let at = range.lowerBound
      unsafe rl_rope(
        range.count, heads, half * 2, direction, table.cosine.pointer + at * half, table.sine.pointer + at * half,
        x.pointer + at * heads * half * 2)
    }
  }
}

import CKernels

/// Inverted dropout whose choice for an element depends on seed, step, module, row, position and feature alone.
package struct Dropout: Sendable {
  /// The share of elements set to zero, 0 ..< 1.
  package let probability: Double
  package let seed: UInt32
  /// The optimiser step.
  package let step: UInt32

  package init(probability: Double, seed: UInt32, step: UInt32) {
    self.probability = probability
    self.seed = seed
    self.step = step
  }

  func rule(_ module: Int) -> rl_dropout {
    rl_dropout(
      seed: seed, step: step, module: UInt32(truncatingIfNeeded: module),
      threshold: UInt32((probability * 4_294_967_296).rounded()), scale: Float(1 / (1 - probability)))
  }

  /// `y = dropout(x)`, both (T, D), for the tokens of `rows`.
  package func forward(_ x: Tensor, into y: Tensor, rows: Rows, module: Int) {
    let D = x.count / max(rows.tokens, 1)
    precondition(x.count == rows.tokens * D && y.count == x.count)
    Parallel.forEachRange(of: rows.tokens, by: 16) { range in
      let at = range.lowerBound
      unsafe rows.keys.withUnsafeBufferPointer { keys in
        unsafe rows.positions.withUnsafeBufferPointer { positions in
          guard let keys = keys.baseAddress, let positions = positions.baseAddress else { return }
          unsafe rl_dropout_forward(
            range.count, D, rule(module), keys + at, positions + at, x.pointer + at * D, y.pointer + at * D)
        }
      }
    }
  }

  /// `dX += mask · dY`, both (T, D).
  package func backward(_ dY: Tensor, into dX: Tensor, rows: Rows, module: Int) {
    let D = dY.count / max(rows.tokens, 1)
    precondition(dY.count == rows.tokens * D && dX.count == dY.count)
    Parallel.forEachRange(of: rows.tokens, by: 16) { range in
      let at = range.lowerBound
      unsafe rows.keys.withUnsafeBufferPointer { keys in
        unsafe rows.positions.withUnsafeBufferPointer { positions in
          guard let keys = keys.baseAddress, let positions = positions.baseAddress else { return }
          unsafe rl_dropout_backward(
            range.count, D, rule(module), keys + at, positions + at, dY.pointer + at * D, dX.pointer + at * D)
        }
      }
    }
  }
}

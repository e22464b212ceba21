import CKernels

/// Keeps values within ±cap without a kink: `cap · tanh(x / cap)` (Gemma 2).
package struct SoftCap: Sendable, Equatable {
  package let cap: Float
  private static let block = 1 << 13

  package init(cap: Float) { self.cap = cap }

  /// Caps `x` in place.
  package func forward(_ x: Tensor) {
    Parallel.forEachRange(of: x.count, by: Self.block) { range in
      unsafe rl_soft_cap(range.count, 1, cap, x.pointer + range.lowerBound)
    }
  }

  /// Turns the gradient of what `forward` gave into that of its input, in place.
  /// - Parameter capped: what `forward` gave.
  package func backward(_ dX: Tensor, capped: Tensor) {
    precondition(dX.count == capped.count)
    Parallel.forEachRange(of: dX.count, by: Self.block) { range in
      unsafe rl_soft_cap_backward(
        range.count, 1, cap, capped.pointer + range.lowerBound, dX.pointer + range.lowerBound)
    }
  }
}

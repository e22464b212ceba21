import CKernels

/// The gated activation of a feed-forward block: `out = f(gate) · up` (Shazeer 2020).
package enum GatedActivation: Sendable, Equatable {
  /// SwiGLU: f is silu, `x · sigmoid(x)`.
  case silu
  /// GeGLU: f is gelu in its tanh form.
  case geluTanh

  private static let block = 1 << 13

  /// All tensors (T, F).
  package func forward(gate: Tensor, up: Tensor, into out: Tensor) {
    precondition(gate.count == up.count && gate.count == out.count)
    Parallel.forEachRange(of: gate.count, by: Self.block) { range in
      let n = range.count, gate = unsafe gate.pointer + range.lowerBound
      let up = unsafe up.pointer + range.lowerBound, out = unsafe out.pointer + range.lowerBound
      switch self {
      case .silu: unsafe rl_swiglu(n, gate, up, out)
      case .geluTanh: unsafe rl_geglu(n, gate, up, out)
      }
    }
  }

  /// Overwrites `gate` and `up` with their gradients; all tensors (T, F).
  package func backward(dOut: Tensor, gate: Tensor, up: Tensor) {
    precondition(gate.count == up.count && gate.count == dOut.count)
    Parallel.forEachRange(of: gate.count, by: Self.block) { range in
      let n = range.count, dOut = unsafe dOut.pointer + range.lowerBound
      let gate = unsafe gate.pointer + range.lowerBound, up = unsafe up.pointer + range.lowerBound
      switch self {
      case .silu: unsafe rl_swiglu_backward(n, gate, up, dOut, gate, up)
      case .geluTanh: unsafe rl_geglu_backward(n, gate, up, dOut, gate, up)
      }
    }
  }
}

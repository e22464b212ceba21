import CKernels

/// The trained side of RandLoRA's product: every frozen row of A scaled by the diagonals λ and γ.
///
/// Row m of the result is `λ[m / n, m % n] · A[m / n] · γ[m % n]` for m in 0 ..< n·r. PEFT flattens rank-major
/// here and basis-major in B (peft/tuners/randlora/layer.py, `get_scaled_bases`); the paper's formula pairs
/// them otherwise, and PEFT is the reference.
package struct ScaledBases: Sendable {
  /// r
  package let rank: Int
  /// n
  package let bases: Int
  /// Entries of a row: the smaller side of the layer, min(out, in).
  package let width: Int

  package init(rank: Int, bases: Int, width: Int) {
    self.rank = rank
    self.bases = bases
    self.width = width
  }

  /// - Parameters:
  ///   - a: (r, ≥ width); the first `width` entries of each row are used.
  ///   - parameters: holds λ (r, n) at `lambda` and γ (n, width) at `gamma`.
  ///   - scaled: (n·r, width)
  package func forward(a: Tensor, parameters: Tensor, lambda: Int, gamma: Int, into scaled: Tensor) {
    let stride = check(a, parameters, lambda, gamma, scaled)
    Parallel.forEachRange(of: rank * bases, by: 32) { rows in
      for m in rows {
        unsafe rl_scaled_base(
          width, parameters.pointer[lambda + m], a.pointer + m / bases * stride,
          parameters.pointer + gamma + m % bases * width, scaled.pointer + m * width)
      }
    }
  }

  /// Adds the gradients of λ and γ to `gradient`, which is laid out as `parameters` is.
  /// - Parameter dScaled: (n·r, width)
  package func backward(
    dScaled: Tensor, a: Tensor, parameters: Tensor, lambda: Int, gamma: Int, into gradient: Tensor
  ) {
    let stride = check(a, parameters, lambda, gamma, dScaled)
    precondition(gradient.count == parameters.count)
    Parallel.forEach(bases) { j in
      for k in 0..<rank {
        let m = k * bases + j
        unsafe gradient.pointer[lambda + m] += rl_scaled_base_backward(
          width, parameters.pointer[lambda + m], a.pointer + k * stride, parameters.pointer + gamma + j * width,
          dScaled.pointer + m * width, gradient.pointer + gamma + j * width)
      }
    }
  }

  /// Traps on sizes that do not fit; the floats from one row of A to the next.
  private func check(_ a: Tensor, _ parameters: Tensor, _ lambda: Int, _ gamma: Int, _ scaled: Tensor) -> Int {
    precondition(lambda >= 0 && lambda + rank * bases <= parameters.count)
    precondition(gamma >= 0 && gamma + bases * width <= parameters.count)
    precondition(scaled.count == rank * bases * width && a.count % rank == 0 && a.count / rank >= width)
    return a.count / rank
  }
}

import CKernels

#if canImport(Glibc)
  import Glibc
#endif

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW computes it.
package struct AdamW: Sendable, Equatable {
  package var beta1: Double
  package var beta2: Double
  package var epsilon: Double
  package var weightDecay: Double

  package init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// Updates parameters and moments (all of one size) by one step.
  /// - Parameters:
  ///   - step: which step this is, counted from 1.
  ///   - gradientScale: what the gradient is multiplied with first, for clipping.
  package func update(
    _ parameters: Tensor, gradient: Tensor, expAvg: Tensor, expAvgSq: Tensor, step: Int, learningRate: Double,
    gradientScale: Double
  ) {
    precondition(
      gradient.count == parameters.count && expAvg.count == parameters.count && expAvgSq.count == parameters.count)
    let rule = rl_adamw(
      learning_rate: Float(learningRate), beta2: Float(beta2), epsilon: Float(epsilon),
      weight_decay: Float(weightDecay), one_minus_beta1: Float(1 - beta1), one_minus_beta2: Float(1 - beta2),
      gradient_scale: Float(gradientScale), bias_correction1: Float(1 - pow(beta1, Double(step))),
      bias_correction2_sqrt: Float((1 - pow(beta2, Double(step))).squareRoot()))
    Parallel.forEachRange(of: parameters.count, by: 1 << 15) { range in
      let at = range.lowerBound
      unsafe rl_adamw_step(
        range.count, rule, gradient.pointer + at, expAvg.pointer + at, expAvgSq.pointer + at,
        parameters.pointer + at)
    }
  }
}

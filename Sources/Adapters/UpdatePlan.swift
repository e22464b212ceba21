/// Chooses, from shapes and flags alone, in which form each layer's update is computed.
package struct UpdatePlan: Sendable {
  /// Tokens that share one set of parameters: those of an optimiser step, or of a whole evaluation.
  package let tokens: Int

  package init(tokens: Int) { self.tokens = tokens }

  /// Whether forming ΔW once is cheaper than multiplying every token with both factors of RandLoRA.
  ///
  /// Multiplications an optimiser step, for inner size k = n·r: with ΔW, 2·k·m·M to form and project it and
  /// 3·T·m·M to use it; with the factors, T·k·(3·in + 2·out), or T·k·(3·in + 4·out) less T·k·in where the trained
  /// factor is the second and the inner activations are formed again.
  func formsDelta(outFeatures out: Int, inFeatures `in`: Int, inner k: Int) -> Bool {
    let delta = 2 * k * out * `in` + 3 * tokens * out * `in`
    let factors = tokens * k * (3 * `in` + 2 * out)
    return delta <= factors
  }
}

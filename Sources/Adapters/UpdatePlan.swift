/// Chooses, from shapes and flags alone, in which form each layer's update is computed.
package struct UpdatePlan: Sendable {
  /// Tokens that share one set of parameters: those of an optimiser step, or of a whole evaluation; nil: ΔW itself is
  /// wanted, whatever it costs.
  private let tokens: Int?

  package init(tokens: Int) { self.tokens = tokens }

  private init() { tokens = nil }

  /// ΔW is formed in any case.
  package static let delta = UpdatePlan()

  /// Whether forming ΔW once is cheaper than multiplying every token with both factors of RandLoRA.
  ///
  /// Multiplications an optimiser step, for inner size k = n·r: with ΔW, 2·k·m·M to form and project it and T·m·M for
  /// its gradient; with the factors, T·k·(3·in + 2·out).
  func formsDelta(outFeatures out: Int, inFeatures `in`: Int, inner k: Int) -> Bool {
    guard let tokens else { return true }
    return (2 * k + tokens) * out * `in` <= tokens * k * (3 * `in` + 2 * out)
  }
}

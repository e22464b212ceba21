import Checkpoint

/// Chooses, from shapes and flags alone, in which form each layer's update is computed.
package struct UpdatePlan: Sendable {
  /// Tokens that share one set of parameters: those of an optimiser step, or of a whole evaluation; nil: ΔW itself is
  /// wanted, whatever it costs.
  private let tokens: Int?
  /// Whether there is room for a matrix as large as the weight, and its gradient, beside each adapted layer.
  private let hasRoom: Bool

  package init(tokens: Int) {
    self.tokens = tokens
    hasRoom = true
  }

  /// - Parameter room: the bytes that full matrices may take; nil: any number.
  package init(tokens: Int, layout: AdapterLayout, room: Int?) {
    self.tokens = tokens
    hasRoom = layout.modules.reduce(0) { $0 + 8 * $1.outFeatures * $1.inFeatures } <= room ?? .max
  }

  private init() {
    tokens = nil
    hasRoom = true
  }

  /// ΔW is formed in any case.
  package static let delta = UpdatePlan()

  /// Whether forming ΔW once is cheaper than multiplying every token with both factors of RandLoRA.
  ///
  /// Multiplications an optimiser step, for inner size k = n·r: with ΔW, 2·k·m·M to form and project it and T·m·M for
  /// its gradient; with the factors, T·k·(3·m + 2·M), the trained one of which has the narrow side.
  package func formsDelta(outFeatures out: Int, inFeatures `in`: Int, inner k: Int) -> Bool {
    guard let tokens else { return true }
    return hasRoom && (2 * k + tokens) * out * `in` <= tokens * k * Self.factorWidth(outFeatures: out, inFeatures: `in`)
  }

  /// Multiplications of a token with both factors of RandLoRA, forward and backward, per inner dimension.
  package static func factorWidth(outFeatures out: Int, inFeatures `in`: Int) -> Int {
    3 * min(out, `in`) + 2 * max(out, `in`)
  }
}

extension UpdatePlan {
  /// Bytes that training with an adapter holds besides its parameters and their gradient.
  /// - Parameter tokens: of a micro-batch.
  /// - Returns: what is held all the time, what all layers' backward passes need of the forward pass, and what one
  ///   layer takes for a while.
  package func bytes(
    of layout: AdapterLayout, tokens: Int, threads: Int, hasDropout: Bool
  ) -> (held: Int, saved: Int, scratch: Int) {
    var held = 0, saved = 0, scratch = 0
    for (index, module) in layout.modules.enumerated() {
      let (out, `in`) = (module.outFeatures, module.inFeatures)
      let dropped = hasDropout ? 2 * tokens * `in` : 0
      guard layout.method == .randlora else {
        saved += tokens * layout.ranks[index]
        scratch = max(scratch, dropped + tokens * layout.ranks[index])
        continue
      }
      let inner = layout.basesCount(module: index) * layout.rank
      let isDelta = formsDelta(outFeatures: out, inFeatures: `in`, inner: inner)
      held += 2 * (isDelta ? out * `in` : inner * min(out, `in`))
      if !isDelta, !module.scaledBasesFaceInput { saved += tokens * inner }
      let scaled = inner * min(out, `in`)
      let forming = RandLoRAUpdate.isSmall(scaledBases: scaled) ? threads * scaled : scaled
      scratch = max(scratch, dropped + (isDelta ? 0 : tokens * inner), forming)
    }
    return (4 * held, 4 * saved, 4 * scratch)
  }
}

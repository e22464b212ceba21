import Tensor

/// The final norm and the projection to the vocabulary, applied only where something is predicted.
struct PredictionHead: Sendable {
  let norm: RMSNorm
  /// (V, D); the embedding itself when the two are tied.
  let weight: Weight
  /// What the products with the weight are multiplied with.
  let scale: Float
  /// Keeps the logits within bounds.
  let softCap: SoftCap?

  /// Floats of logits that exist at a time.
  static let chunkFloats = 1 << 22

  /// Logits of some tokens.
  /// - Parameter hidden: (T, D)
  /// - Returns: (tokens.count, V)
  func logits(_ hidden: Tensor, tokens: [Int]) -> Tensor {
    let h = norm.forward(gather(hidden, tokens[...])).y
    return project(h)
  }

  /// - Parameter h: normalised, (rows, D)
  /// - Returns: (rows, V)
  private func project(_ h: Tensor) -> Tensor {
    let logits = Tensor(h.shape[0], weight.rows)
    weight.forward(h, into: logits, tokens: h.shape[0])
    if scale != 1 { logits.scale(by: scale) }
    softCap?.forward(logits)
    return logits
  }

  /// The loss of every prediction, and the gradient of `scale` times their sum.
  /// - Parameters:
  ///   - hidden: (T, D)
  ///   - dHidden: (T, D), zeros before; nil when no gradient is wanted.
  func loss(
    _ hidden: Tensor, batch: MicroBatch, scale: Float, into dHidden: Tensor?
  ) -> (nll: [Float], correct: [Bool]) {
    var nll: [Float] = []
    var correct: [Bool] = []
    let size = max(1, min(256, Self.chunkFloats / weight.rows))
    for start in stride(from: 0, to: batch.targets.count, by: size) {
      let range = start..<min(start + size, batch.targets.count)
      let (h, input) = norm.forward(gather(hidden, batch.predictors[range]))
      let logits = project(h)
      let capped = dHidden == nil || softCap == nil ? nil : logits.duplicate()
      let result = CrossEntropy.forwardBackward(logits: logits, targets: batch.targets[range], weight: scale)
      nll += result.nll
      correct += result.correct
      if let dHidden {
        if let softCap, let capped { softCap.backward(logits, capped: capped) }
        if self.scale != 1 { logits.scale(by: self.scale) }
        let dH = Tensor(shape: h.shape), d = Tensor(shape: h.shape)
        weight.backward(logits, into: dH, tokens: range.count)
        norm.backward(dY: dH, input: input, into: d)
        for (row, token) in batch.predictors[range].enumerated() {
          dHidden.copyRows(of: d, row..<row + 1, to: token)
        }
      }
    }
    return (nll, correct)
  }

  private func gather(_ hidden: Tensor, _ tokens: ArraySlice<Int>) -> Tensor {
    let result = Tensor(tokens.count, hidden.shape[1])
    for (row, token) in tokens.enumerated() { result.copyRows(of: hidden, token..<token + 1, to: row) }
    return result
  }
}

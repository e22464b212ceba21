import Tensor

/// The final norm and the projection to the vocabulary, applied only where something is predicted.
package struct PredictionHead: Sendable {
  let norm: Norm
  /// Its weight (V, D) is the embedding itself when the two are tied.
  let projection: Linear
  /// What the products with the weight are multiplied with.
  let scale: Float
  /// Keeps the logits within bounds.
  let softCap: SoftCap?

  /// Floats of logits that exist at a time.
  private static let chunkFloats = 1 << 24

  /// Predictions whose logits exist at a time.
  package static func chunk(vocabulary: Int) -> Int { max(1, min(256, chunkFloats / vocabulary)) }

  /// Logits of some tokens.
  /// - Parameter hidden: (T, D)
  /// - Returns: (tokens.count, V)
  func logits(_ hidden: Tensor, tokens: [Int], pass: Pass) -> Tensor {
    let pass = pass.picking(tokens[...])
    return project(norm.forward(gather(hidden, tokens[...]), pass: pass).y, pass: pass).logits
  }

  /// - Parameter h: normalised, (rows, D)
  /// - Returns: (rows, V), and what an adapter made of h on its way.
  private func project(_ h: Tensor, pass: Pass) -> (logits: Tensor, inner: Tensor?) {
    let (logits, inner) = projection.forward(h, pass: pass)
    if scale != 1 { logits.scale(by: scale) }
    softCap?.forward(logits)
    return (logits, inner)
  }

  /// What a backward pass is to leave behind.
  struct Gradient {
    /// Of this times the sum of all losses.
    let scale: Float
    /// With respect to the hidden states, (T, D), zeros before; nil when nothing below needs it.
    let dHidden: Tensor?
  }

  /// The loss of every prediction, and its gradient where one is wanted.
  /// - Parameter hidden: (T, D)
  func loss(
    _ hidden: Tensor, batch: MicroBatch, pass: Pass, gradient: Gradient?
  ) -> (nll: [Float], correct: [Bool]) {
    var nll: [Float] = []
    var correct: [Bool] = []
    let size = Self.chunk(vocabulary: projection.weight.rows)
    for start in stride(from: 0, to: batch.targets.count, by: size) {
      let range = start..<min(start + size, batch.targets.count), tokens = batch.predictors[range]
      let part = pass.picking(tokens)
      let (h, input) = norm.forward(gather(hidden, tokens), pass: part)
      let (logits, inner) = project(h, pass: part)
      let capped = gradient == nil || softCap == nil ? nil : logits.duplicate()
      let result = CrossEntropy.forwardBackward(
        logits: logits, targets: batch.targets[range], weight: gradient?.scale ?? 0)
      nll += result.nll
      correct += result.correct
      if let gradient {
        if let softCap, let capped { softCap.backward(logits, capped: capped) }
        backward(
          dLogits: logits, h: h, inner: inner, input: input, tokens: tokens, pass: part, into: gradient.dHidden)
      }
    }
    return (nll, correct)
  }

  /// - Parameters:
  ///   - dLogits: before the cap, (rows, V); overwritten.
  ///   - h, input: what the norm returned, (rows, D), and kept.
  ///   - inner: what an adapter made of h.
  ///   - tokens: where the rows stand among all tokens.
  private func backward(
    dLogits: Tensor, h: Tensor, inner: Tensor?, input: NormInput, tokens: ArraySlice<Int>, pass: Pass,
    into dHidden: Tensor?
  ) {
    guard projection.needsBackward(inputGradient: dHidden != nil, pass: pass) else { return }
    if scale != 1 { dLogits.scale(by: scale) }
    let dH = dHidden.map { _ in Tensor(unfilled: h.shape) }
    projection.backward(dY: dLogits, x: h, inner: inner, into: dH, pass: pass)
    guard let dHidden, let dH else { return }
    let d = Tensor(shape: h.shape)
    norm.backward(dY: dH, input: input, into: d, pass: pass)
    for (row, token) in tokens.enumerated() { dHidden.copyRows(of: d, row..<row + 1, to: token) }
  }

  private func gather(_ hidden: Tensor, _ tokens: ArraySlice<Int>) -> Tensor {
    let result = Tensor(unfilled: [tokens.count, hidden.shape[1]])
    for (row, token) in tokens.enumerated() { result.copyRows(of: hidden, token..<token + 1, to: row) }
    return result
  }
}

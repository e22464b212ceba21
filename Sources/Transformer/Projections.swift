import Tensor

/// Linear layers that read the same input: those of q, k and v, or of gate and up. Where one layer yields several of
/// them, its output is cut into columns.
struct Projections: Sendable {
  let linears: [Linear]

  /// - Parameter x: (T, in)
  /// - Returns: every part in order, (T, width of the part), and what adapters made of x on their way, by linear layer.
  func forward(_ x: Tensor, pass: Pass) -> (parts: [Tensor], inners: [Tensor?]) {
    let results = linears.map { $0.forward(x, pass: pass) }
    return (zip(linears, results).flatMap { $1.y.columns(ofWidths: $0.parts) }, results.map(\.inner))
  }

  /// Writes the gradient with respect to `x`, and keeps that of the adapter's parameters.
  /// - Parameters:
  ///   - dY: of every part, in order.
  ///   - x: (T, in), what the forward pass was given; asked for only where it counts.
  ///   - inners: what the forward pass returned besides.
  ///   - dX: (T, in), or nil when nothing below needs it.
  func backward(dY: [Tensor], x: Recomputed<Tensor>, inners: [Tensor?], into dX: Tensor?, pass: Pass) {
    var rest = dY[...]
    for (index, linear) in linears.enumerated() {
      let parts = rest.prefix(linear.parts.count)
      rest = rest.dropFirst(parts.count)
      guard linear.needsBackward(inputGradient: dX != nil, pass: pass) else { continue }
      linear.backward(
        dY: Tensor(columns: Array(parts)), x: x.value, inner: inners[index], into: dX, adding: index > 0, pass: pass)
    }
  }
}

import Adapters
import Tensor

/// The first half of a decoder layer: attention over a normalised copy of the residual stream, added back to it.
struct AttentionBlock: Sendable {
  let inputNorm: RMSNorm
  /// q (T, H·d), k and v (T, K·d)
  let queryKeyValue: Projections
  let output: Linear
  let queryNorm, keyNorm: OptionalNorm
  let rope: RotaryEmbedding
  let attention: Attention

  /// In the order of their slots.
  var linears: [Linear] { queryKeyValue.linears + [output] }

  /// What the backward pass needs of the forward pass; the rest it forms again.
  struct Activations {
    /// (T, D)
    let input: NormInput
    /// What the norms of queries (T, H·d) and keys (T, K·d) were given, where the family has them.
    let queryInput, keyInput: NormInput?
    /// Rotated queries (T, H·d), rotated keys and values (T, K·d).
    let q, k, v: Tensor
    /// What attention returned, (T, H·d), and its log-sum-exp, (H, T).
    let attended, lse: Tensor
  }

  /// - Parameters:
  ///   - x: (T, D)
  ///   - cache: earlier keys and values of the rows, which the rows' own are added to; nil in training.
  /// - Returns: the residual stream, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass, cache: KVCache.Layer?) -> (y: Tensor, Activations) {
    let (h, input) = inputNorm.forward(x)
    let projected = queryKeyValue.forward(h, pass: pass)
    let (q, queryInput) = queryNorm.forward(projected[0])
    let (k, keyInput) = keyNorm.forward(projected[1])
    let v = projected[2]
    rope.forward(q, heads: attention.heads, table: pass.rope)
    rope.forward(k, heads: attention.keyValueHeads, table: pass.rope)
    let attended = Tensor(shape: q.shape), lse = Tensor(attention.heads, pass.rows.tokens)
    let segments = cache?.append(k, v, rows: pass.rows) ?? ownSegments(k, v, rows: pass.rows)
    attention.forward(q, segments: segments, into: attended, lse: lse)
    let y = output.forward(attended, pass: pass)
    y.add(x)
    return (
      y,
      Activations(
        input: input, queryInput: queryInput, keyInput: keyInput, q: q, k: k, v: v, attended: attended,
        lse: lse)
    )
  }

  /// Turns the gradient of the output into that of the input, in place.
  /// - Parameters:
  ///   - d: (T, D)
  ///   - inputGradient: whether anything below needs a gradient; if not, `d` is left undefined.
  func backward(_ d: Tensor, _ saved: Activations, pass: Pass, inputGradient: Bool) {
    guard linears.contains(where: { $0.needsBackward(inputGradient: inputGradient, pass: pass) }) else {
      return
    }
    let dAttended = Tensor(shape: saved.attended.shape)
    output.backward(dY: d, x: saved.attended, into: dAttended, pass: pass)
    var dQ = Tensor(shape: saved.q.shape), dK = Tensor(shape: saved.k.shape)
    let dV = Tensor(shape: saved.v.shape)
    attention.backward(
      dOut: dAttended, q: saved.q, out: saved.attended, lse: saved.lse,
      segments: ownSegments(saved.k, saved.v, rows: pass.rows), dQ: dQ, dK: dK, dV: dV)
    rope.backward(dQ, heads: attention.heads, table: pass.rope)
    rope.backward(dK, heads: attention.keyValueHeads, table: pass.rope)
    dQ = queryNorm.backward(dY: dQ, input: saved.queryInput)
    dK = keyNorm.backward(dY: dK, input: saved.keyInput)
    let dH = inputGradient ? Tensor(shape: d.shape) : nil
    let h = Recomputed { inputNorm.forward(saved.input.x).y }
    queryKeyValue.backward(dY: [dQ, dK, dV], x: h, into: dH, pass: pass)
    if let dH { inputNorm.backward(dY: dH, input: saved.input, into: d) }
  }

  private func ownSegments(_ k: Tensor, _ v: Tensor, rows: Rows) -> [Attention.Segment] {
    rows.spans.map {
      Attention.Segment(queries: $0, keys: k, values: v, keyOffset: $0.lowerBound, keyCount: $0.count)
    }
  }
}

import Adapters
import Tensor

/// The first half of a decoder layer: attention over the residual stream, added back to it.
struct AttentionBlock: Sendable {
  let branch: ResidualBranch
  /// q (T, H·d), k and v (T, K·d)
  let queryKeyValue: Projections
  let output: Linear
  let queryNorm, keyNorm: OptionalNorm
  /// Which of the pass's tables rotates queries and keys; nil: none does.
  let rope: Int?
  let attention: Attention

  /// In the order of their slots.
  var linears: [Linear] { queryKeyValue.linears + [output] }

  /// What the backward pass needs of the forward pass; the rest it forms again.
  struct Activations {
    let branch: ResidualBranch.Activations
    let own: Own
  }

  struct Own {
    /// What the norms of queries (T, H·d) and keys (T, K·d) were given, where the family has them.
    let queryInput, keyInput: NormInput?
    /// Rotated queries (T, H·d), rotated keys and values (T, K·d).
    let q, k, v: Tensor
    /// What attention returned, (T, H·d), and its log-sum-exp, (H, T).
    let attended, lse: Tensor
    /// What adapters made of the inputs of the projections and of the output's.
    let projectionInners: [Tensor?], outputInner: Tensor?
  }

  /// - Parameters:
  ///   - x: (T, D)
  ///   - cache: earlier keys and values of the rows, which the rows' own are added to; nil in training.
  /// - Returns: the residual stream, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass, cache: KVCache.Layer?) -> (y: Tensor, Activations) {
    let (y, saved, own) = branch.forward(x, pass: pass) { attend($0, pass: pass, cache: cache) }
    return (y, Activations(branch: saved, own: own))
  }

  private func attend(_ h: Tensor, pass: Pass, cache: KVCache.Layer?) -> (Tensor, Own) {
    let (projected, projectionInners) = queryKeyValue.forward(h, pass: pass)
    let (q, queryInput) = queryNorm.forward(projected[0], pass: pass)
    let (k, keyInput) = keyNorm.forward(projected[1], pass: pass)
    let v = projected[2]
    if let rope {
      pass.ropes[rope].forward(q, heads: attention.heads)
      pass.ropes[rope].forward(k, heads: attention.keyValueHeads)
    }
    let attended = Tensor(unfilled: q.shape), lse = Tensor(unfilled: [attention.heads, pass.rows.tokens])
    let segments = cache?.append(k, v, rows: pass.rows) ?? ownSegments(k, v, rows: pass.rows)
    attention.forward(q, segments: segments, into: attended, lse: lse)
    let (y, outputInner) = output.forward(attended, pass: pass)
    return (
      y,
      Own(
        queryInput: queryInput, keyInput: keyInput, q: q, k: k, v: v, attended: attended, lse: lse,
        projectionInners: projectionInners, outputInner: outputInner)
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
    let own = saved.own
    let dAttended = Tensor(unfilled: own.attended.shape)
    output.backward(
      dY: branch.outputGradient(d, saved.branch, pass: pass), x: own.attended, inner: own.outputInner, into: dAttended,
      pass: pass)
    let dProjected = backwardThroughAttention(dAttended, own, pass: pass)
    let dH = inputGradient ? Tensor(unfilled: d.shape) : nil
    queryKeyValue.backward(
      dY: dProjected, x: branch.halfInput(saved.branch, pass: pass), inners: own.projectionInners, into: dH, pass: pass)
    if let dH { branch.addInputGradient(dH, saved.branch, to: d, pass: pass) }
  }

  /// The gradients of what the projections yielded for queries, keys and values.
  private func backwardThroughAttention(_ dAttended: Tensor, _ own: Own, pass: Pass) -> [Tensor] {
    let dQ = Tensor(unfilled: own.q.shape), dK = Tensor(unfilled: own.k.shape), dV = Tensor(unfilled: own.v.shape)
    attention.backward(
      dOut: dAttended, q: own.q, out: own.attended, lse: own.lse,
      segments: ownSegments(own.k, own.v, rows: pass.rows), dQ: dQ, dK: dK, dV: dV)
    if let rope {
      pass.ropes[rope].backward(dQ, heads: attention.heads)
      pass.ropes[rope].backward(dK, heads: attention.keyValueHeads)
    }
    return [
      queryNorm.backward(dY: dQ, input: own.queryInput, pass: pass),
      keyNorm.backward(dY: dK, input: own.keyInput, pass: pass), dV,
    ]
  }

  private func ownSegments(_ k: Tensor, _ v: Tensor, rows: Rows) -> [Attention.Segment] {
    rows.spans.map {
      Attention.Segment(queries: $0, keys: k, values: v, keyOffset: $0.lowerBound, keyCount: $0.count)
    }
  }
}

import Adapters
import Tensor

/// One layer of a Llama-like decoder: attention and a gated feed-forward block, each on a normalised copy of the
/// residual stream and added back to it.
struct DecoderLayer: Sendable {
  let inputNorm: RMSNorm
  let query, key, value, output: Linear
  let attention: Attention
  let rope: RotaryEmbedding
  let feedForwardNorm: RMSNorm
  let gate, up, down: Linear

  /// In the order of their slots.
  var linears: [Linear] { [query, key, value, output, gate, up, down] }

  /// What the backward pass needs of the forward pass; the rest it forms again.
  struct Activations {
    /// The layer's input, (T, D), and the reciprocal RMS of its rows, (T).
    let x, inputRstd: Tensor
    /// Rotated queries (T, H·d), rotated keys and values (T, K·d).
    let q, k, v: Tensor
    /// What attention returned, (T, H·d), and its log-sum-exp, (H, T).
    let attended, lse: Tensor
    /// The residual stream between the blocks, (T, D), and the reciprocal RMS of its rows, (T).
    let middle, middleRstd: Tensor
    /// (T, F)
    let gate, up: Tensor
  }

  /// - Parameters:
  ///   - x: (T, D)
  ///   - cache: earlier keys and values of the rows, which the rows' own are added to; nil in training.
  /// - Returns: the layer's output, (T, D), and what `backward` needs.
  func forward(_ x: Tensor, pass: Pass, cache: KVCache.Layer? = nil) -> (y: Tensor, Activations) {
    let T = pass.rows.tokens
    let (h, inputRstd) = normalise(x, with: inputNorm, tokens: T)
    let q = query.forward(h, pass: pass)
    let k = key.forward(h, pass: pass)
    let v = value.forward(h, pass: pass)
    rope.forward(q, heads: attention.heads, table: pass.rope)
    rope.forward(k, heads: attention.keyValueHeads, table: pass.rope)
    let attended = Tensor(T, q.shape[1])
    let lse = Tensor(attention.heads, T)
    let segments = cache?.append(k, v, rows: pass.rows) ?? ownSegments(k, v, rows: pass.rows)
    attention.forward(q, segments: segments, into: attended, lse: lse)
    let middle = output.forward(attended, pass: pass)
    middle.add(x)

    let (h2, middleRstd) = normalise(middle, with: feedForwardNorm, tokens: T)
    let gated = gate.forward(h2, pass: pass)
    let upped = up.forward(h2, pass: pass)
    let y = down.forward(activation(gated, upped), pass: pass)
    y.add(middle)
    return (
      y,
      Activations(
        x: x, inputRstd: inputRstd, q: q, k: k, v: v, attended: attended, lse: lse, middle: middle,
        middleRstd: middleRstd, gate: gated, up: upped)
    )
  }

  /// Turns the gradient of the output into that of the input, in place.
  /// - Parameters:
  ///   - d: (T, D)
  ///   - saved: consumed; its gate and up are overwritten.
  ///   - inputGradient: whether anything below this layer needs a gradient; if not, `d` is left undefined.
  func backward(_ d: Tensor, _ saved: Activations, pass: Pass, inputGradient: Bool) {
    let T = pass.rows.tokens
    let dAct = Tensor(T, gate.weight.rows)
    down.backward(dY: d, x: activation(saved.gate, saved.up), into: dAct, pass: pass)
    SwiGLU.backward(dOut: dAct, gate: saved.gate, up: saved.up)  // now the gradients of both
    let dH2 = Tensor(T, d.shape[1])
    let h2 = Recomputed { normalise(saved.middle, with: feedForwardNorm, tokens: T).y }
    gate.backward(dY: saved.gate, x: h2.value, into: dH2, pass: pass)
    up.backward(dY: saved.up, x: h2.value, into: dH2, pass: pass)
    feedForwardNorm.backward(dY: dH2, x: saved.middle, rstd: saved.middleRstd, into: d, tokens: T)
    if needsAttentionBackward(inputGradient: inputGradient, pass: pass) {
      attentionBackward(d, saved, pass: pass, inputGradient: inputGradient)
    }
  }

  private func attentionBackward(_ d: Tensor, _ saved: Activations, pass: Pass, inputGradient: Bool) {
    let T = pass.rows.tokens
    let dAttended = Tensor(shape: saved.attended.shape)
    output.backward(dY: d, x: saved.attended, into: dAttended, pass: pass)
    let dQ = Tensor(shape: saved.q.shape), dK = Tensor(shape: saved.k.shape), dV = Tensor(shape: saved.v.shape)
    attention.backward(
      dOut: dAttended, q: saved.q, out: saved.attended, lse: saved.lse,
      segments: ownSegments(saved.k, saved.v, rows: pass.rows), dQ: dQ, dK: dK, dV: dV)
    rope.backward(dQ, heads: attention.heads, table: pass.rope)
    rope.backward(dK, heads: attention.keyValueHeads, table: pass.rope)
    let dH = inputGradient ? Tensor(shape: d.shape) : nil
    let h = Recomputed { normalise(saved.x, with: inputNorm, tokens: T).y }
    query.backward(dY: dQ, x: h.value, into: dH, pass: pass)
    key.backward(dY: dK, x: h.value, into: dH, pass: pass)
    value.backward(dY: dV, x: h.value, into: dH, pass: pass)
    if let dH { inputNorm.backward(dY: dH, x: saved.x, rstd: saved.inputRstd, into: d, tokens: T) }
  }

  private func needsAttentionBackward(inputGradient: Bool, pass: Pass) -> Bool {
    inputGradient || linears.prefix(4).contains { pass.updates[$0.slot] != nil }
  }

  private func activation(_ gate: Tensor, _ up: Tensor) -> Tensor {
    let out = Tensor(shape: gate.shape)
    SwiGLU.forward(gate: gate, up: up, into: out)
    return out
  }

  private func ownSegments(_ k: Tensor, _ v: Tensor, rows: Rows) -> [Attention.Segment] {
    rows.spans.map {
      Attention.Segment(queries: $0, keys: k, values: v, keyOffset: $0.lowerBound, keyCount: $0.count)
    }
  }
}

/// A value formed at first use and kept.
private final class Recomputed<Value> {
  private let form: () -> Value
  private(set) lazy var value = form()

  init(_ form: @escaping () -> Value) { self.form = form }
}

/// `norm(x)` (T, D) and the reciprocal RMS of its rows (T).
func normalise(_ x: Tensor, with norm: RMSNorm, tokens T: Int) -> (y: Tensor, rstd: Tensor) {
  let y = Tensor(T, norm.weight.count), rstd = Tensor(T)
  norm.forward(x, into: y, rstd: rstd, tokens: T)
  return (y, rstd)
}

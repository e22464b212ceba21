import Testing

@testable import Tensor

@Suite struct GradientTests {
  @Test func rmsNorm() {
    let x = random(3, 21, seed: 1), d = random(3, 21, seed: 2)
    let norm = RMSNorm(weight: random(21, seed: 3), epsilon: 1e-6)
    let rstd = Tensor(3)
    func y() -> Tensor {
      let y = Tensor(3, 21)
      norm.forward(x, into: y, rstd: rstd, tokens: 3)
      return y
    }
    _ = y()
    let dX = Tensor(3, 21)
    norm.backward(dY: d, x: x, rstd: rstd, into: dX, tokens: 3)
    expectGradient(dX, of: y, weights: d, at: x)
    let dWeight = Tensor(21)
    norm.weightGradient(dY: d, x: x, rstd: rstd, into: dWeight, tokens: 3)
    expectGradient(dWeight, of: y, weights: d, at: norm.weight)
  }

  @Test(arguments: [GatedActivation.silu, .geluTanh]) func gatedActivation(activation: GatedActivation) {
    let gate = random(2, 19, seed: 4), up = random(2, 19, seed: 5), d = random(2, 19, seed: 6)
    func out() -> Tensor {
      let out = Tensor(2, 19)
      activation.forward(gate: gate, up: up, into: out)
      return out
    }
    let dGate = gate.duplicate(), dUp = up.duplicate()
    activation.backward(dOut: d, gate: dGate, up: dUp)
    expectGradient(dGate, of: out, weights: d, at: gate)
    expectGradient(dUp, of: out, weights: d, at: up)
  }

  /// Heads of 6 and of 8 entries, of which 6 are rotated.
  @Test(arguments: [6, 8]) func rotaryEmbedding(headWidth: Int) {
    let rope = RotaryEmbedding(inverseFrequencies: [1, 0.1, 0.01])
    let table = rope.table(Rows(lengths: [1, 2], firstPositions: [0, 4]))
    let x = random(3, 2 * headWidth, seed: 7), d = random(3, 2 * headWidth, seed: 8)
    func y() -> Tensor {
      let y = x.duplicate()
      table.forward(y, heads: 2)
      return y
    }
    #expect(y().array.prefix(2 * headWidth) == x.array.prefix(2 * headWidth), "position 0 is not rotated")
    #expect(y().array.suffix(headWidth - 6) == x.array.suffix(headWidth - 6), "the rest of a head is not rotated")
    let dX = d.duplicate()
    table.backward(dX, heads: 2)
    expectGradient(dX, of: y, weights: d, at: x)
  }

  @Test func rotaryFrequenciesMayFollowARowsLength() {
    let rope = RotaryEmbedding(attentionFactor: 2) { [$0 > 3 ? 0.5 : 1] }
    #expect(rope.isSame(forLengths: 2, 3) && !rope.isSame(forLengths: 3, 4))
    let table = rope.table(Rows(lengths: [3, 2], firstPositions: [0, 2]))
    let angles: [Float] = [0, 1, 2, 1, 1.5]
    #expect(zip(table.sine.array, angles).allSatisfy { abs($0 - 2 * seriesSine($1)) < 1e-6 })
  }

  @Test func softCap() {
    let x = random(2, 21, seed: 20), d = random(2, 21, seed: 21), cap = SoftCap(cap: 0.7)
    x[3] = 40
    func y() -> Tensor {
      let y = x.duplicate()
      cap.forward(y)
      return y
    }
    #expect(y()[3] == 0.7 && y().array.allSatisfy { abs($0) <= 0.7 })
    #expect(zip(x.array, y().array).allSatisfy { abs($1 - 0.7 * hyperbolicTangent($0 / 0.7)) < 2e-7 })
    let dX = d.duplicate()
    cap.backward(dX, capped: y())
    expectGradient(dX, of: y, weights: d, at: x)
  }

  @Test(arguments: [nil, 3, 70], [nil, 0.4]) func attention(window: Int?, cap: Float?) {
    let rows = Rows(lengths: [5, 1, 66])
    let T = rows.tokens, d = 4
    let attention = Attention(
      heads: 4, keyValueHeads: 2, headDimension: d, window: window, scale: 0.6, softCap: cap.map { SoftCap(cap: $0) })
    let q = random(T, 4 * d, seed: 9), k = random(T, 2 * d, seed: 10), v = random(T, 2 * d, seed: 11)
    let dOut = random(T, 4 * d, seed: 12), lse = Tensor(4, T)
    func segments() -> [Attention.Segment] {
      rows.spans.map { .init(queries: $0, keys: k, values: v, keyOffset: $0.lowerBound, keyCount: $0.count) }
    }
    func out() -> Tensor {
      let out = Tensor(T, 4 * d)
      attention.forward(q, segments: segments(), into: out, lse: lse)
      return out
    }
    let result = out()
    let expected = Tensor(T, 4 * d)
    naive(q, k, v, rows: rows, window: window, cap: cap, into: expected)
    #expect(difference(result, expected) < 1e-5)
    let dQ = random(T, 4 * d, seed: 30), dK = random(T, 2 * d, seed: 31), dV = random(T, 2 * d, seed: 32)  // overwritten
    attention.backward(
      dOut: dOut, q: q, out: result, lse: lse, segments: segments(), dQ: dQ, dK: dK, dV: dV)
    expectGradient(dQ, of: out, weights: dOut, at: q)
    expectGradient(dK, of: out, weights: dOut, at: k)
    expectGradient(dV, of: out, weights: dOut, at: v)
  }

  /// More keys than one block of queries has, and more than one chain of a product: against the gradient's own formula.
  @Test(arguments: zip([nil, nil, 20, 100, 270] as [Int?], [nil, 0.4, nil, 0.4, nil] as [Float?]))
  func attentionOverLongRows(window: Int?, cap: Float?) {
    let rows = Rows(lengths: [7, 330]), T = rows.tokens, d = 16
    let attention = Attention(
      heads: 4, keyValueHeads: 2, headDimension: d, window: window, scale: 0.6, softCap: cap.map { SoftCap(cap: $0) })
    let q = random(T, 4 * d, seed: 9), k = random(T, 2 * d, seed: 10), v = random(T, 2 * d, seed: 11)
    let dOut = random(T, 4 * d, seed: 12), lse = Tensor(4, T), out = Tensor(T, 4 * d)
    let segments = rows.spans.map {
      Attention.Segment(queries: $0, keys: k, values: v, keyOffset: $0.lowerBound, keyCount: $0.count)
    }
    attention.forward(q, segments: segments, into: out, lse: lse)
    let expected = Tensor(T, 4 * d), gradients = (Tensor(T, 4 * d), Tensor(T, 2 * d), Tensor(T, 2 * d))
    naive(q, k, v, rows: rows, window: window, cap: cap, into: expected, dOut: dOut, gradients: gradients)
    #expect(difference(out, expected) < 1e-5)
    let dQ = random(T, 4 * d, seed: 30), dK = random(T, 2 * d, seed: 31), dV = random(T, 2 * d, seed: 32)
    attention.backward(dOut: dOut, q: q, out: out, lse: lse, segments: segments, dQ: dQ, dK: dK, dV: dV)
    #expect(difference(dQ, gradients.0) < 1e-5)
    #expect(difference(dK, gradients.1) < 1e-5)
    #expect(difference(dV, gradients.2) < 1e-5)
  }

  /// Attention by its formula, 4 query heads on 2 key/value heads, and the gradients with respect to queries, keys and
  /// values.
  private func naive(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, rows: Rows, window: Int?, cap: Float?, into out: Tensor, dOut: Tensor? = nil,
    gradients: (q: Tensor, k: Tensor, v: Tensor)? = nil
  ) {
    let d = q.shape[1] / 4
    for span in rows.spans {
      for (t, head) in span.flatMap({ t in (0..<4).map { (t, $0) } }) {
        let seen = max(span.lowerBound, t + 1 - (window ?? 1 << 20))...t
        let query = (t * 4 + head) * d
        func key(_ s: Int) -> Int { (s * 2 + head / 2) * d }
        func dot(_ s: Int) -> Float { (0..<d).reduce(0) { $0 + q[query + $1] * k[key(s) + $1] } }
        let scores = seen.map { dot($0) * 0.6 }
        let capped = scores.map { score in cap.map { $0 * hyperbolicTangent(score / $0) } ?? score }
        let weights = capped.map(exponential), total = weights.reduce(0, +)
        for (s, weight) in zip(seen, weights) {
          for i in 0..<d { out[query + i] += weight / total * v[key(s) + i] }
        }
        guard let dOut, let gradients else { continue }
        let dWeights = seen.map { s in (0..<d).reduce(Float(0)) { $0 + dOut[query + $1] * v[key(s) + $1] } }
        let mean = zip(weights, dWeights).reduce(0) { $0 + $1.0 / total * $1.1 }
        for (index, s) in seen.enumerated() {
          let key = key(s), weight = weights[index] / total
          let slope = cap.map { 1 - (capped[index] / $0) * (capped[index] / $0) } ?? 1
          let dScore = weight * (dWeights[index] - mean) * slope * 0.6
          for i in 0..<d {
            gradients.q[query + i] += dScore * k[key + i]
            gradients.k[key + i] += dScore * q[query + i]
            gradients.v[key + i] += weight * dOut[query + i]
          }
        }
      }
    }
  }

  /// Of keys that lie side by side in whole vectors, as those of width 16 do, few queries read them in place.
  @Test(arguments: [(6, 4, nil), (500, 4, nil), (500, 16, nil), (500, 16, 0.4)], [nil, 5, 77, 300])
  func attentionOverACacheEqualsAttentionOverTheWhole(size: (tokens: Int, width: Int, cap: Float?), window: Int?) {
    let (T, d, cap) = size
    let attention = Attention(
      heads: 2, keyValueHeads: 1, headDimension: d, window: window, softCap: cap.map { SoftCap(cap: $0) })
    let q = random(T, 2 * d, seed: 13), k = random(T + 3, d, seed: 14), v = random(T + 3, d, seed: 15)
    func forward(last count: Int) -> [Float] {
      let queries = Tensor(Array(q.array.suffix(count * 2 * d)), shape: [count, 2 * d]), out = Tensor(count, 2 * d)
      let segment = Attention.Segment(queries: 0..<count, keys: k, values: v, keyOffset: 3, keyCount: T)
      attention.forward(queries, segments: [segment], into: out, lse: Tensor(2, count))
      return out.array
    }
    let whole = forward(last: T)
    for count in [1, 2, 6] {
      #expect(zip(forward(last: count), whole.suffix(count * 2 * d)).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  @Test func biasAndEmbedding() {
    let bias = random(5, seed: 30), matrix = random(4, 5, seed: 31), d = random(3, 5, seed: 32)
    let ids: [Int32] = [2, 0, 2]
    func y() -> Tensor {
      let y = Tensor(3, 5)
      for (row, id) in ids.enumerated() { y.copyRows(of: matrix, Int(id)..<Int(id) + 1, to: row) }
      y.scale(by: 3)
      y.add(bias: bias, tokens: 3)
      return y
    }
    let dBias = Tensor(5), dMatrix = Tensor(4, 5)
    dBias.addSum(ofRows: d)
    dMatrix.scatterAdd(d, ids: ids, factor: 3)
    expectGradient(dBias, of: y, weights: d, at: bias)
    expectGradient(dMatrix, of: y, weights: d, at: matrix)
  }

  @Test func crossEntropy() {
    let logits = random(3, 37, seed: 16), targets: [Int32] = [0, 36, 5]
    let gradient = logits.duplicate()
    let result = CrossEntropy.forwardBackward(logits: gradient, targets: targets[...], weight: 0.5)
    func nll() -> Tensor {
      Tensor(CrossEntropy.forwardBackward(logits: logits.duplicate(), targets: targets[...], weight: 0).nll, shape: [3])
    }
    #expect(nll().array == result.nll)
    expectGradient(gradient, of: nll, weights: Tensor([0.5, 0.5, 0.5], shape: [3]), at: logits)
  }

  @Test func crossEntropyCountsTheFirstOfEqualLogitsAsTheAnswer() {
    let logits = Tensor([1, 3, 3, 0, 0, 0], shape: [2, 3])
    let result = CrossEntropy.forwardBackward(logits: logits, targets: [1, 2], weight: 1)
    #expect(result.correct == [true, false])
  }

  @Test func scaledBases() {
    let bases = ScaledBases(rank: 3, bases: 4, width: 18)
    let a = random(3, 1, 20, seed: 17), parameters = random(12 + 72, seed: 18), d = random(12, 18, seed: 19)
    func scaled() -> Tensor {
      let scaled = Tensor(12, 18)
      bases.forward(a: a, parameters: parameters, lambda: 0, gamma: 12, into: scaled)
      return scaled
    }
    let m = 7, c = 5  // λ[7 / 4, 7 % 4] · A[7 / 4, 5] · γ[7 % 4, 5]
    #expect(scaled()[m * 18 + c] == parameters[7] * a[1 * 20 + 5] * parameters[12 + 3 * 18 + 5])
    let gradient = Tensor(84)
    bases.backward(dScaled: d, a: a, parameters: parameters, lambda: 0, gamma: 12, into: gradient)
    expectGradient(gradient, of: scaled, weights: d, at: parameters)
  }
}

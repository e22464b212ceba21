import CKernels

/// Causal scaled dot-product attention with grouped queries (Ainslie et al. 2023) and an optional sliding window.
///
/// Scores exist only for one block of queries at a time; the backward pass forms them again from the
/// log-sum-exp that the forward pass kept (Dao et al. 2022).
package struct Attention: Sendable {
  /// Query heads, H.
  package let heads: Int
  /// Key/value heads, K.
  package let keyValueHeads: Int
  /// Width of a head, d.
  package let headDimension: Int
  /// A query at position p sees the positions in p - window + 1 ... p; nil: all before it.
  package let window: Int?

  /// What the products of queries and keys are multiplied with.
  package let scale: Float
  /// Keeps the scaled scores within bounds before the softmax.
  package let softCap: SoftCap?

  /// - Parameter scale: 1/sqrt(d) when nil.
  package init(
    heads: Int, keyValueHeads: Int, headDimension: Int, window: Int? = nil, scale: Float? = nil,
    softCap: SoftCap? = nil
  ) {
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.window = window
    self.scale = scale ?? 1 / Float(headDimension).squareRoot()
    self.softCap = softCap
  }

  /// Queries whose scores are formed at a time: whole tiles of every level.
  static let block = 96

  /// What scores are still to be multiplied with once `cappedScores` has formed them.
  private var remainingScale: Float { softCap == nil ? scale : 1 }

  /// What one row attends to: its keys and values, which may reach back before its queries (a cache).
  package struct Segment: Sendable {
    /// The row's tokens in the query tensor.
    let queries: Range<Int>
    /// (S, K·d), S ≥ `keyOffset + keyCount`
    let keys: Tensor
    let values: Tensor
    /// The first of the row's keys, and how many there are; the last query sees the last key.
    let keyOffset: Int
    let keyCount: Int

    package init(queries: Range<Int>, keys: Tensor, values: Tensor, keyOffset: Int, keyCount: Int) {
      self.queries = queries
      self.keys = keys
      self.values = values
      self.keyOffset = keyOffset
      self.keyCount = keyCount
    }
  }

  /// The queries `queries` of a segment against all keys that any of them sees.
  private struct Block {
    let queries: Range<Int>
    /// In the segment's own count, from 0.
    let keys: Range<Int>
    /// For each query the columns of `keys` that it sees.
    let seen: Band
  }

  private func blocks(of segment: Segment) -> [Block] {
    let past = segment.keyCount - segment.queries.count
    return stride(from: 0, to: segment.queries.count, by: Self.block).map { start in
      let end = min(start + Self.block, segment.queries.count)
      let seen = (start..<end).map { query in
        max(0, past + query + 1 - (window ?? Int.max / 2))..<past + query + 1
      }
      let keys = (seen.first?.lowerBound ?? 0)..<past + end
      return Block(
        queries: segment.queries.lowerBound + start..<segment.queries.lowerBound + end, keys: keys,
        seen: Band(
          first: seen.map { Int32($0.lowerBound - keys.lowerBound) },
          last: seen.map { Int32($0.upperBound - keys.lowerBound) }))
    }
  }

  /// - Parameters:
  ///   - q, out: (T, H·d)
  ///   - lse: (H, T), the log-sum-exp of each query's scaled scores.
  package func forward(_ q: Tensor, segments: [Segment], into out: Tensor, lse: Tensor) {
    let T = lse.count / heads
    precondition(q.count == T * heads * headDimension && out.count == q.count)
    // The last queries see most keys: they come first, so that no thread is left alone with them.
    let pieces = segments.flatMap { segment in blocks(of: segment).reversed().map { (segment, $0) } }
    Parallel.forEach(pieces.count * keyValueHeads) { index in
      let (segment, block) = pieces[index / keyValueHeads], group = index % keyValueHeads
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: block.queries.count * block.keys.count) { scratch in
        guard let scores = scratch.baseAddress else { return }
        for head in headsOf(group) {
          unsafe cappedScores(block, segment, q: q, head: head, into: scores)
          unsafe rl_masked_softmax(
            block.queries.count, block.keys.count, block.keys.count, remainingScale, block.seen.first, block.seen.last,
            scores, lse.pointer + head * T + block.queries.lowerBound)
          unsafe MatMul.multiply(
            MatrixMemory(scores, stride: block.keys.count), keyMemory(segment.values, segment, block, group),
            into: queryMemory(out, block, head), rows: block.queries.count, columns: headDimension,
            inner: block.keys.count, support: block.seen.columns)
        }
      }
    }
  }

  /// Gradients of a micro-batch whose segments hold just their own tokens (no cache).
  /// - Parameters:
  ///   - q, out, dOut: (T, H·d); k, v inside the segments: (T, K·d).
  ///   - dQ: (T, H·d), overwritten.
  ///   - dK, dV: (T, K·d), overwritten.
  package func backward(
    dOut: Tensor, q: Tensor, out: Tensor, lse: Tensor, segments: [Segment], dQ: Tensor, dK: Tensor, dV: Tensor
  ) {
    let T = lse.count / heads
    precondition(q.count == T * heads * headDimension && dOut.count == q.count && dQ.count == q.count)
    let isShared = heads > keyValueHeads
    let dKeys = isShared ? Tensor(unfilled: q.shape) : dK, dValues = isShared ? Tensor(unfilled: q.shape) : dV
    let blocks = segments.map(blocks(of:))
    // A head's blocks add to the same keys and values, one after the other.
    Parallel.forEachStep(ofChains: segments.indices.flatMap { Array(repeating: blocks[$0].count, count: heads) }) {
      let segment = segments[$0 / heads], block = blocks[$0 / heads][$1], head = $0 % heads
      if $1 == 0 {
        for gradient in [dKeys, dValues] { clear(gradient, tokens: segment.queries, head: head) }
      }
      let size = block.queries.count * block.keys.count
      let room = (softCap == nil ? 2 : 3) * size + block.queries.count
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scratch in
        guard let scores = scratch.baseAddress else { return }
        unsafe backward(
          block, segment, head: head, tokens: T, dOut: dOut, q: q, out: out, lse: lse, dQ: dQ, dK: dKeys,
          dV: dValues, scores: scores, dScores: scores + size, delta: scores + 2 * size,
          capped: scores + 2 * size + block.queries.count)
      }
    }
    if isShared {
      sumHeads(dKeys, into: dK)
      sumHeads(dValues, into: dV)
    }
  }

  /// - Parameter tensor: (T, H·d)
  private func clear(_ tensor: Tensor, tokens: Range<Int>, head: Int) {
    for token in tokens {
      unsafe memory(tensor, from: token, head: head, of: heads).base.update(repeating: 0, count: headDimension)
    }
  }

  /// Adds up what the query heads of each group found, in order.
  /// - Parameters:
  ///   - perHead: (T, H·d)
  ///   - shared: (T, K·d), overwritten.
  private func sumHeads(_ perHead: Tensor, into shared: Tensor) {
    Parallel.forEachRange(of: shared.count / (keyValueHeads * headDimension), by: 64) { tokens in
      for token in tokens {
        for head in 0..<heads {
          let from = unsafe memory(perHead, from: token, head: head, of: heads).base
          let to = unsafe memory(shared, from: token, head: head / (heads / keyValueHeads), of: keyValueHeads).base
          if head % (heads / keyValueHeads) == 0 {
            unsafe to.update(from: from, count: headDimension)
          } else {
            unsafe rl_add(headDimension, from, to)
          }
        }
      }
    }
  }

  private func backward(
    _ block: Block, _ segment: Segment, head: Int, tokens T: Int, dOut: Tensor, q: Tensor, out: Tensor,
    lse: Tensor, dQ: Tensor, dK: Tensor, dV: Tensor, scores: UnsafeMutablePointer<Float>,
    dScores: UnsafeMutablePointer<Float>, delta: UnsafeMutablePointer<Float>, capped: UnsafeMutablePointer<Float>
  ) {
    let d = headDimension, rows = block.queries.count, columns = block.keys.count
    let group = head / (heads / keyValueHeads)
    let dOut = queryMemory(dOut, block, head), out = queryMemory(out, block, head)
    for row in 0..<rows { unsafe delta[row] = rl_dot(d, dOut.address(row, 0), out.address(row, 0)) }
    unsafe cappedScores(block, segment, q: q, head: head, into: scores)
    if softCap != nil { unsafe capped.update(from: scores, count: rows * columns) }
    unsafe rl_masked_exp(
      rows, columns, columns, remainingScale, block.seen.first, block.seen.last,
      lse.pointer + head * T + block.queries.lowerBound, scores)
    let probabilities = unsafe MatrixMemory(scores, stride: columns), dS = unsafe MatrixMemory(dScores, stride: columns)
    MatMul.multiply(  // dV += Pᵀ dO
      probabilities.transposed, dOut, into: gradientMemory(dV, segment, block, head), rows: columns, columns: d,
      inner: rows, adding: true, support: block.seen.rows)
    MatMul.multiply(  // dP = dO Vᵀ
      dOut, keyMemory(segment.values, segment, block, group).transposed, into: dS, inside: block.seen,
      columns: columns, inner: d)
    unsafe rl_softmax_backward(
      rows, columns, columns, remainingScale, block.seen.first, block.seen.last, scores, delta, dScores)
    if let softCap {
      forEachSeen(block) { start, count in
        unsafe rl_soft_cap_backward(count, scale, softCap.cap, capped + start, dScores + start)
      }
    }
    MatMul.multiply(  // dQ = dS K
      dS, keyMemory(segment.keys, segment, block, group), into: queryMemory(dQ, block, head), rows: rows, columns: d,
      inner: columns, support: block.seen.columns)
    MatMul.multiply(  // dK += dSᵀ Q
      dS.transposed, queryMemory(q, block, head), into: gradientMemory(dK, segment, block, head), rows: columns,
      columns: d, inner: rows, adding: true, support: block.seen.rows)
  }

  /// The query heads that share one key/value head.
  private func headsOf(_ group: Int) -> Range<Int> {
    let share = heads / keyValueHeads
    return group * share..<(group + 1) * share
  }

  /// `scores = Q Kᵀ`, (queries, keys), where keys are seen: unscaled, or, with a cap, scaled and capped.
  private func cappedScores(
    _ block: Block, _ segment: Segment, q: Tensor, head: Int, into scores: UnsafeMutablePointer<Float>
  ) {
    unsafe MatMul.multiply(
      queryMemory(q, block, head), keyMemory(segment.keys, segment, block, head / (heads / keyValueHeads)).transposed,
      into: MatrixMemory(scores, stride: block.keys.count), inside: block.seen, columns: block.keys.count,
      inner: headDimension)
    if let softCap {
      forEachSeen(block) { start, count in unsafe rl_soft_cap(count, scale, softCap.cap, scores + start) }
    }
  }

  /// Calls `body` with where each query's scores start that count, and how many they are.
  private func forEachSeen(_ block: Block, _ body: (_ start: Int, _ count: Int) -> Void) {
    for row in 0..<block.queries.count {
      let seen = block.seen.columns(in: row..<row + 1)
      body(row * block.keys.count + seen.lowerBound, seen.count)
    }
  }

  /// One head of a block's queries, (queries, d).
  private func queryMemory(_ tensor: Tensor, _ block: Block, _ head: Int) -> MatrixMemory {
    memory(tensor, from: block.queries.lowerBound, head: head, of: heads)
  }

  /// What one query head adds to the gradient of a block's keys or values, (keys, d).
  private func gradientMemory(_ tensor: Tensor, _ segment: Segment, _ block: Block, _ head: Int) -> MatrixMemory {
    memory(tensor, from: segment.keyOffset + block.keys.lowerBound, head: head, of: heads)
  }

  /// One head of a block's keys or values, (keys, d).
  private func keyMemory(_ tensor: Tensor, _ segment: Segment, _ block: Block, _ group: Int) -> MatrixMemory {
    memory(tensor, from: segment.keyOffset + block.keys.lowerBound, head: group, of: keyValueHeads)
  }

  /// One of the heads that lie side by side in a tensor, from some token on.
  private func memory(_ tensor: Tensor, from token: Int, head: Int, of count: Int) -> MatrixMemory {
    unsafe MatrixMemory(tensor.pointer + (token * count + head) * headDimension, stride: count * headDimension)
  }
}

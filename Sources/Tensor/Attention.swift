import CKernels

/// Causal scaled dot-product attention with grouped queries (Ainslie et al. 2023) and an optional sliding window.
///
/// Scores exist only for one block of queries at a time; the backward pass forms them again, for a few keys at a time, from the
/// log-sum-exp that the forward pass kept (Dao et al. 2022). Keys and values that several blocks of queries see are packed once
/// for all of them.
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
    /// Where the first of them is among those that are packed.
    let packedKey: Int
    /// For each query the columns of `keys` that it sees.
    let seen: Band
    /// The columns whose scores are formed at a time.
    var columns: Range<Int>

    init(queries: Range<Int>, keys: Range<Int>, packedKey: Int, seen: Band) {
      (self.queries, self.keys, self.packedKey, self.seen) = (queries, keys, packedKey, seen)
      columns = 0..<keys.count
    }

    /// The same with a few of the columns each, as many as make up one chain of a product over them.
    var chunks: [Block] {
      Swift.stride(from: 0, to: keys.count, by: MatMul.depth).map {
        var chunk = self
        chunk.columns = $0..<min($0 + MatMul.depth, keys.count)
        return chunk
      }
    }

    /// Columns that are formed before the first one, for products begin with a whole panel.
    var lead: Int { (packedKey + columns.lowerBound) % PanelProduct.bestPanelColumns }

    /// Floats from one query's scores to the next one's: an odd number of cache lines, for the scores of one key are read one
    /// after another, and a power of two would put them all into the same few places of the cache.
    var stride: Int { (PanelProduct.bestPanelColumns + columns.count + 15) / 16 * 16 | 16 }

    /// Floats that the scores take.
    var size: Int { queries.count * stride }

    /// Where the scores of column 0 are, or would be, in the memory of the scores.
    var origin: Int { lead - columns.lowerBound }
  }

  /// The keys and values of one segment and head, as the forward pass multiplies with them.
  private struct ForwardMatrices {
    /// (d, keys)
    let keysTransposed: RightMatrix
    /// (keys, d)
    let values: RightMatrix
  }

  private func forwardMatrices(_ segment: Segment, _ group: Int) -> ForwardMatrices {
    ForwardMatrices(
      keysTransposed: transposed(segment.keys, of: segment, group), values: untransposed(segment.values, of: segment, group))
  }

  /// The same for the backward pass.
  private struct BackwardMatrices {
    /// (d, keys)
    let keysTransposed, valuesTransposed: RightMatrix
    /// (keys, d)
    let keys: RightMatrix
  }

  private func backwardMatrices(_ segment: Segment, _ group: Int) -> BackwardMatrices {
    BackwardMatrices(
      keysTransposed: transposed(segment.keys, of: segment, group),
      valuesTransposed: transposed(segment.values, of: segment, group),
      keys: untransposed(segment.keys, of: segment, group))
  }

  /// What `pack` makes of every segment and key/value head, one segment after another; nil for segments of a single block, which
  /// whoever takes the block packs: of many short rows only a few are packed at a time.
  private func packed<Matrices: Sendable>(
    _ segments: [Segment], _ blocks: [[Block]], _ pack: @Sendable (Segment, Int) -> Matrices
  ) -> [Matrices?] {
    Parallel.map(segments.count * keyValueHeads) {
      let index = $0 / keyValueHeads
      return blocks[index].count > 1 ? pack(segments[index], $0 % keyValueHeads) : nil
    }
  }

  /// The first key that a query of a segment sees; query 0 sees the first one of all.
  private func firstKey(of segment: Segment, query: Int = 0) -> Int {
    max(0, segment.keyCount - segment.queries.count + query + 1 - (window ?? Int.max / 2))
  }

  private func blocks(of segment: Segment) -> [Block] {
    let past = segment.keyCount - segment.queries.count
    return stride(from: 0, to: segment.queries.count, by: Self.block).map { start in
      let end = min(start + Self.block, segment.queries.count)
      let seen = (start..<end).map { firstKey(of: segment, query: $0)..<past + $0 + 1 }
      let keys = (seen.first?.lowerBound ?? 0)..<past + end
      return Block(
        queries: segment.queries.lowerBound + start..<segment.queries.lowerBound + end, keys: keys,
        packedKey: keys.lowerBound - firstKey(of: segment),
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
    let blocks = segments.map(blocks(of:)), packed = packed(segments, blocks, forwardMatrices)
    // The last queries see most keys: they come first, so that no thread is left alone with them.
    let pieces = segments.indices.flatMap { index in blocks[index].reversed().map { (index, $0) } }
    Parallel.forEach(pieces.count * keyValueHeads) { piece in
      let (index, block) = pieces[piece / keyValueHeads], group = piece % keyValueHeads, segment = segments[index]
      if segment.queries.count == 1, readsKeysInPlace {
        return forwardSingle(block, segment, group, q: q, into: out, lse: lse)
      }
      let matrices = packed[index * keyValueHeads + group] ?? forwardMatrices(segment, group)
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: block.size) { scratch in
        guard let start = scratch.baseAddress else { return }
        let scores = unsafe start + block.origin
        for head in headsOf(group) {
          unsafe cappedScores(block, q: queryMemory(q, block, head), keys: matrices.keysTransposed, into: scores)
          unsafe rl_masked_softmax(
            block.queries.count, block.keys.count, block.stride, remainingScale, block.seen.first, block.seen.last,
            scores, lse.pointer + head * T + block.queries.lowerBound)
          unsafe MatMul.multiply(
            MatrixMemory(scores, stride: block.stride), matrices.values, from: block.packedKey,
            into: queryMemory(out, block, head), rows: 0..<block.queries.count, columns: headDimension,
            inner: block.columns, support: block.seen.columns)
        }
      }
    }
  }

  /// Whether the heads that share keys are few enough to multiply with them where they lie.
  private var readsKeysInPlace: Bool {
    PanelProduct.readsColumnsInPlace(rows: heads / keyValueHeads, inner: headDimension, level: PanelProduct.bestLevel)
  }

  /// A segment's only query, as generation brings them: the heads that share keys and values are the rows of its products, and
  /// what they share is read where it lies.
  private func forwardSingle(
    _ block: Block, _ segment: Segment, _ group: Int, q: Tensor, into out: Tensor, lse: Tensor
  ) {
    let sharing = headsOf(group), T = lse.count / heads, keys = 0..<block.keys.count
    func rows(_ tensor: Tensor) -> MatrixMemory {
      unsafe MatrixMemory(queryMemory(tensor, block, sharing.lowerBound).base, stride: headDimension)
    }
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: sharing.count * block.stride) { scratch in
      guard let start = scratch.baseAddress else { return }
      let scores = unsafe MatrixMemory(start, stride: block.stride), keyMemory = keyMemory(segment.keys, segment, group)
      let product = PanelProduct(
        rows: sharing.count, columns: keys.count, inner: headDimension, adding: false, left: rows(q), result: scores)
      unsafe product.multiplyFew(keys, keyMemory.base, stride: keyMemory.stride)
      for (row, head) in sharing.enumerated() {
        let own = unsafe scores.address(row, 0)
        if let softCap { unsafe rl_soft_cap(keys.count, scale, softCap.cap, own) }
        unsafe rl_masked_softmax(
          1, keys.count, block.stride, remainingScale, block.seen.first, block.seen.last, own,
          lse.pointer + head * T + block.queries.lowerBound)
      }
      MatMul.multiply(
        scores, untransposed(segment.values, of: segment, group), into: rows(out), rows: 0..<sharing.count,
        columns: headDimension, inner: keys
      ) { _ in keys }
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
    let blocks = segments.map(blocks(of:)), packed = packed(segments, blocks, backwardMatrices)
    // A head's blocks add to the same keys and values, one after the other.
    Parallel.forEachStep(ofChains: segments.indices.flatMap { Array(repeating: blocks[$0].count, count: heads) }) {
      let index = $0 / heads, head = $0 % heads, segment = segments[index], group = group(of: head)
      if $1 == 0 {
        for gradient in [dKeys, dValues] { clear(gradient, tokens: segment.queries, head: head) }
      }
      backward(
        blocks[index][$1], segment, packed[index * keyValueHeads + group] ?? backwardMatrices(segment, group), head: head,
        tokens: T, dOut: dOut, q: q, out: out, lse: lse, dQ: dQ, dK: dKeys, dV: dValues)
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
          let to = unsafe memory(shared, from: token, head: group(of: head), of: keyValueHeads).base
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
    _ block: Block, _ segment: Segment, _ matrices: BackwardMatrices, head: Int, tokens T: Int, dOut: Tensor, q: Tensor,
    out: Tensor, lse: Tensor, dQ: Tensor, dK: Tensor, dV: Tensor
  ) {
    let d = headDimension, rows = block.queries.count, seen = block.seen, chunks = block.chunks
    let q = queryMemory(q, block, head), dOut = queryMemory(dOut, block, head), out = queryMemory(out, block, head)
    let dQ = queryMemory(dQ, block, head)
    let dK = gradientMemory(dK, segment, block, head), dV = gradientMemory(dV, segment, block, head)
    let queries = RightMatrix(q, columns: d, inner: rows, rows: block.keys.count)
    let dOutputs = RightMatrix(dOut, columns: d, inner: rows, rows: block.keys.count)
    let size = chunks[0].size, count = softCap == nil ? 2 : 3
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: count * size + rows) { scratch in
      guard let start = scratch.baseAddress else { return }
      let delta = unsafe start + count * size, lse = unsafe lse.pointer + head * T + block.queries.lowerBound
      for row in 0..<rows { unsafe delta[row] = rl_dot(d, dOut.address(row, 0), out.address(row, 0)) }
      for chunk in chunks {
        let columns = chunk.columns, stride = chunk.stride
        let scores = unsafe start + chunk.origin, dScores = unsafe scores + size, capped = unsafe scores + 2 * size
        unsafe cappedScores(chunk, q: q, keys: matrices.keysTransposed, into: scores)
        if softCap != nil { forEachSeen(chunk) { unsafe (capped + $0).update(from: scores + $0, count: $1) } }
        unsafe rl_masked_exp(
          rows, columns.lowerBound, columns.upperBound, stride, remainingScale, seen.first, seen.last, lse, scores)
        let P = unsafe MatrixMemory(scores, stride: stride), dS = unsafe MatrixMemory(dScores, stride: stride)
        MatMul.multiply(  // dV += Pᵀ dO
          P.transposed, dOutputs, into: dV, rows: columns, columns: d, inner: 0..<rows, adding: true, support: seen.rows)
        multiply(dOut, matrices.valuesTransposed, chunk, into: dS)  // dP = dO Vᵀ
        unsafe rl_softmax_backward(
          rows, columns.lowerBound, columns.upperBound, stride, remainingScale, seen.first, seen.last, scores, delta,
          dScores)
        if let softCap {
          forEachSeen(chunk) { unsafe rl_soft_cap_backward($1, scale, softCap.cap, capped + $0, dScores + $0) }
        }
        MatMul.multiply(  // dQ += dS K
          dS, matrices.keys, from: chunk.packedKey, into: dQ, rows: 0..<rows, columns: d, inner: columns,
          support: seen.columns)
        MatMul.multiply(  // dK += dSᵀ Q
          dS.transposed, queries, into: dK, rows: columns, columns: d, inner: 0..<rows, adding: true, support: seen.rows)
      }
    }
  }

  /// The key/value head of a query head.
  private func group(of head: Int) -> Int { head / (heads / keyValueHeads) }

  /// The query heads that share one key/value head.
  private func headsOf(_ group: Int) -> Range<Int> {
    let share = heads / keyValueHeads
    return group * share..<(group + 1) * share
  }

  /// `scores = Q Kᵀ`, (queries, keys), where keys are seen: unscaled, or, with a cap, scaled and capped.
  /// - Parameters:
  ///   - q: (queries, d)
  ///   - keys: the segment's, (d, keys)
  private func cappedScores(_ block: Block, q: MatrixMemory, keys: RightMatrix, into scores: UnsafeMutablePointer<Float>) {
    unsafe multiply(q, keys, block, into: MatrixMemory(scores, stride: block.stride))
    if let softCap {
      forEachSeen(block) { start, count in unsafe rl_soft_cap(count, scale, softCap.cap, scores + start) }
    }
  }

  /// `c = a · b`, (queries, keys), where keys are seen.
  /// - Parameters:
  ///   - a: (queries, d)
  ///   - b: (d, keys) of the segment
  private func multiply(_ a: MatrixMemory, _ b: RightMatrix, _ block: Block, into c: MatrixMemory) {
    MatMul.multiply(
      a, b, from: block.packedKey, into: c, inside: block.seen,
      columns: block.columns.lowerBound - block.lead..<block.columns.upperBound, inner: headDimension)
  }

  /// Calls `body` with where each query's scores start that count, and how many they are.
  private func forEachSeen(_ block: Block, _ body: (_ start: Int, _ count: Int) -> Void) {
    for row in 0..<block.queries.count {
      let seen = block.seen.columns(in: row..<row + 1).clamped(to: block.columns)
      body(row * block.stride + seen.lowerBound, seen.count)
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

  /// The keys or values of one head that any query of a segment sees, (keys, d).
  private func untransposed(_ tensor: Tensor, of segment: Segment, _ group: Int) -> RightMatrix {
    RightMatrix(
      keyMemory(tensor, segment, group), columns: headDimension, inner: segment.keyCount - firstKey(of: segment),
      rows: segment.queries.count)
  }

  /// The same, (d, keys).
  private func transposed(_ tensor: Tensor, of segment: Segment, _ group: Int) -> RightMatrix {
    RightMatrix(
      keyMemory(tensor, segment, group).transposed, columns: segment.keyCount - firstKey(of: segment),
      inner: headDimension, rows: segment.queries.count)
  }

  private func keyMemory(_ tensor: Tensor, _ segment: Segment, _ group: Int) -> MatrixMemory {
    memory(tensor, from: segment.keyOffset + firstKey(of: segment), head: group, of: keyValueHeads)
  }

  /// One of the heads that lie side by side in a tensor, from some token on.
  private func memory(_ tensor: Tensor, from token: Int, head: Int, of count: Int) -> MatrixMemory {
    unsafe MatrixMemory(tensor.pointer + (token * count + head) * headDimension, stride: count * headDimension)
  }
}

/// A piece of text on its way from characters to tokens: a linked list of tokens in which pairs merge.
struct Word {
  private var ids: [Int32] = []
  /// Bytes of the piece that each token stands for; 0 for a token that was merged into the one before.
  private var lengths: [Int32] = []
  /// The neighbours of each token, or -1.
  private var before: [Int32] = []
  private var after: [Int32] = []
  private var queue = MinimumQueue()

  mutating func removeAll() {
    ids.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    before.removeAll(keepingCapacity: true)
    after.removeAll(keepingCapacity: true)
    queue.removeAll()
  }

  mutating func append(_ id: Int32, length: Int) {
    let index = Int32(ids.count)
    if index > 0 { after[Int(index) - 1] = index }
    ids.append(id)
    lengths.append(Int32(length))
    before.append(index - 1)
    after.append(-1)
  }

  /// Merges pairs, always the one with the lowest rank and of those the leftmost, until none is left.
  mutating func merge(_ merges: Merges) {
    for index in ids.indices.dropLast() { enqueue(index, merges) }
    while let (rank, index) = queue.popFirst() {
      let right = Int(after[index])
      // A pair that has changed since it was queued is queued again with its own rank.
      guard lengths[index] > 0, right >= 0, let merge = merges[ids[index], ids[right]], merge.rank == rank
      else {
        continue
      }
      ids[index] = merge.id
      lengths[index] += lengths[right]
      lengths[right] = 0
      after[index] = after[right]
      if after[right] >= 0 { before[Int(after[right])] = Int32(index) }
      if before[index] >= 0 { enqueue(Int(before[index]), merges) }
      enqueue(index, merges)
    }
  }

  private mutating func enqueue(_ index: Int, _ merges: Merges) {
    guard after[index] >= 0, let merge = merges[ids[index], ids[Int(after[index])]] else { return }
    queue.insert(rank: merge.rank, index: index)
  }

  /// Appends the tokens, in order, and the bytes that each stands for.
  func write(to tokens: inout TokenRun) {
    for index in ids.indices where lengths[index] > 0 {
      tokens.append(ids[index], length: Int(lengths[index]))
    }
  }
}

/// Tokens and the number of bytes that each stands for.
struct TokenRun {
  var ids: [Int32] = []
  var lengths: [Int32] = []

  mutating func append(_ id: Int32, length: Int) {
    ids.append(id)
    lengths.append(Int32(length))
  }

  mutating func removeAll() {
    ids.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
  }
}

/// A binary heap of (rank, index), the lowest first.
struct MinimumQueue {
  private var heap: [UInt64] = []

  mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

  mutating func insert(rank: UInt32, index: Int) {
    let item = UInt64(rank) << 32 | UInt64(index)
    heap.append(item)
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2] > item {
      heap[child] = heap[(child - 1) / 2]
      child = (child - 1) / 2
    }
    heap[child] = item
  }

  mutating func popFirst() -> (rank: UInt32, index: Int)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    var parent = 0
    while 2 * parent + 1 < heap.count {
      var child = 2 * parent + 1
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      if heap[child] >= last { break }
      heap[parent] = heap[child]
      parent = child
    }
    if !heap.isEmpty { heap[parent] = last }
    return (UInt32(first >> 32), Int(first & 0xFFFF_FFFF))
  }
}

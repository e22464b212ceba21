import DataFormats
import Dispatch
import Synchronization
import Tensor

/// Blocks of rows that all threads encode while the next are read; they come back in the order in which they were added.
struct EncodingQueue {
  private let work: BlockWork
  /// One for each thread, where there are several: the blocks of a lane are encoded one after another.
  private let lanes: [DispatchQueue]
  /// The oldest first.
  private var blocks: [EncodingBlock] = []
  private var bytes = 0
  private var added = 0

  /// Blocks of a thread that may wait, and bytes of all. No more are read ahead than keep the threads at work: what is
  /// encoded soon is still in the processor's cache.
  private static let (mostBlocks, mostBytes) = (4, 4 << 20)

  init(_ work: BlockWork) {
    self.work = work
    lanes = Parallel.threads > 1 ? (0..<Parallel.threads).map { DispatchQueue(label: "encoding \($0)") } : []
  }

  var rowCount: Int { blocks.reduce(0) { $0 + $1.raw.count } }

  var isEmpty: Bool { blocks.isEmpty }

  /// Whether the oldest block should be taken before more are added.
  var isFull: Bool { blocks.count >= Self.mostBlocks * Parallel.threads || bytes >= Self.mostBytes }

  mutating func add(_ block: EncodingBlock) {
    if !lanes.isEmpty { block.start(work, on: lanes[added % lanes.count]) }
    blocks.append(block)
    bytes += block.byteCount
    added += 1
  }

  /// Forgets all blocks.
  mutating func removeAll() { (blocks, bytes) = ([], 0) }

  /// Takes the oldest block and its rows, for which it waits; nil when there is none.
  mutating func next() -> (EncodingBlock, EncodedRows)? {
    guard !blocks.isEmpty else { return nil }
    let block = blocks.removeFirst()
    bytes -= block.byteCount
    return (block, block.rows(work))
  }
}

/// Rows that follow one another in a member of a data file.
final class EncodingBlock: Sendable {
  let raw: [RawRow]
  let origin: RowOrigin
  let byteCount: Int
  private let group = DispatchGroup()
  private let encoded = Mutex<EncodedRows?>(nil)

  init(_ raw: [RawRow], _ origin: RowOrigin, byteCount: Int) {
    (self.raw, self.origin, self.byteCount) = (raw, origin, byteCount)
  }

  fileprivate func start(_ work: BlockWork, on lane: DispatchQueue) {
    lane.async(group: group) {
      let rows = work.encode(self.raw)
      self.encoded.withLock { $0 = rows }
    }
  }

  /// Waits for what was started; what was not is done here.
  fileprivate func rows(_ work: BlockWork) -> EncodedRows {
    group.wait()
    return encoded.withLock { $0.take() } ?? work.encode(raw)
  }
}

/// Where rows come from.
struct RowOrigin: Sendable {
  /// Nil for rows of which validation rows may be taken.
  let split: DatasetSplit?
  /// Among the data files.
  let file: Int
}

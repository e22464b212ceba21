import DataFormats
import Dispatch
import Synchronization
import Tensor

/// Blocks of rows that all threads encode while the next are read; they come back in the order in which they were added.
struct EncodingQueue {
  private let work: BlockWork
  /// One for each thread but this: the blocks of a lane are encoded one after another.
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
    lanes = (1..<max(1, Parallel.threads)).map { DispatchQueue(label: "encoding \($0)") }
  }

  var rowCount: Int { blocks.reduce(0) { $0 + $1.raw.count } }

  var isEmpty: Bool { blocks.isEmpty }

  /// Whether the oldest block should be taken before more are added.
  var isFull: Bool { blocks.count >= Self.mostBlocks * Parallel.threads || bytes >= Self.mostBytes }

  mutating func add(_ block: EncodingBlock) {
    if !lanes.isEmpty { lanes[added % lanes.count].async { [work] in block.encode(work) } }
    blocks.append(block)
    bytes += block.byteCount
    added += 1
  }

  /// Forgets all blocks.
  mutating func removeAll() { (blocks, bytes) = ([], 0) }

  /// Takes the oldest block and its rows; nil when there is none. While others encode it, this thread encodes what
  /// nobody has begun.
  mutating func next() -> (EncodingBlock, EncodedRows)? {
    guard let block = blocks.first else { return nil }
    for other in blocks where !block.isEncoded { other.encode(work) }
    blocks.removeFirst()
    bytes -= block.byteCount
    return (block, block.rows())
  }
}

/// Rows that follow one another in a member of a data file.
final class EncodingBlock: Sendable {
  let raw: [RawRow]
  let origin: RowOrigin
  let byteCount: Int
  private let isBegun = Atomic<Bool>(false)
  private let end = DispatchSemaphore(value: 0)
  private let encoded = Mutex<EncodedRows?>(nil)

  init(_ raw: [RawRow], _ origin: RowOrigin, byteCount: Int) {
    (self.raw, self.origin, self.byteCount) = (raw, origin, byteCount)
  }

  fileprivate var isEncoded: Bool { encoded.withLock { $0 != nil } }

  /// Encodes the rows, unless somebody has begun to.
  fileprivate func encode(_ work: BlockWork) {
    guard !isBegun.exchange(true, ordering: .relaxed) else { return }
    let rows = work.encode(raw)
    encoded.withLock { $0 = rows }
    end.signal()
  }

  /// Waits for whoever has begun; to be asked once.
  fileprivate func rows() -> EncodedRows {
    end.wait()
    guard let rows = encoded.withLock({ $0.take() }) else { preconditionFailure("these rows are gone") }
    return rows
  }
}

/// Where rows come from.
struct RowOrigin: Sendable {
  /// Nil for rows of which validation rows may be taken.
  let split: DatasetSplit?
  /// Among the data files.
  let file: Int
}

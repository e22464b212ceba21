import DataFormats
import Dispatch
import Failures
import Synchronization
import Tensor

/// Rows that all threads encode together, while whoever asked for it does something else.
final class EncodingBlock: Sendable {
  /// What one thread made of rows that follow one another, up to the first that cannot be encoded.
  private struct Chunk: Sendable {
    var rows: [EncodedRow] = []
    var failure: Failure?
  }

  let raw: [RawRow]
  private let work: BlockWork
  private let chunks: Mutex<[Chunk]>
  private let group = DispatchGroup()

  /// Rows that a thread takes at a time.
  private static let chunkRows = 16

  /// Begins; where there is but one thread, also ends.
  init(_ raw: [RawRow], _ work: BlockWork) {
    (self.raw, self.work) = (raw, work)
    chunks = Mutex(Array(repeating: Chunk(), count: (raw.count + Self.chunkRows - 1) / Self.chunkRows))
    if Parallel.threads > 1 {
      DispatchQueue.global().async(group: group) { self.encode() }
    } else {
      encode()
    }
  }

  private func encode() {
    Parallel.forEachRange(of: raw.count, by: Self.chunkRows) { range in
      var chunk = Chunk()
      do throws(Failure) {
        for row in self.raw[range] { chunk.rows.append(try self.work.encode(row)) }
      } catch {
        chunk.failure = error
      }
      self.chunks.withLock { $0[range.lowerBound / Self.chunkRows] = chunk }
    }
  }

  /// Waits for the rows and visits them in their order.
  ///
  /// - Throws: what the first row that cannot be encoded gave, and what `body` throws.
  func forEachRow(_ body: (_ index: Int, EncodedRow) throws(Failure) -> Void) throws(Failure) {
    group.wait()
    for (number, chunk) in chunks.withLock({ $0 }).enumerated() {
      for (index, row) in chunk.rows.enumerated() { try body(number * Self.chunkRows + index, row) }
      if let failure = chunk.failure { throw failure }
    }
  }
}

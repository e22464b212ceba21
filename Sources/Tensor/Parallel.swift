import Synchronization

/// Spreads independent pieces of work over threads.
///
/// What the pieces are is decided by shapes alone, and each writes memory of its own, so the bits of a result
/// do not depend on the number of threads or on which of them takes which piece.
package enum Parallel {
  private static let threadCount = Atomic<Int>(1)

  /// How many threads work at once; 1 until a program says otherwise.
  package static var threads: Int {
    get { threadCount.load(ordering: .relaxed) }
    set { threadCount.store(max(1, newValue), ordering: .relaxed) }
  }

  /// Calls `body` once for each of `0 ..< count`, in no particular order.
  ///
  /// File and function say whose work it is, for `WorkTimes`.
  package static func forEach(
    _ count: Int, file: StaticString = #fileID, function: StaticString = #function, _ body: @Sendable (Int) -> Void
  ) {
    WorkTimes.measure(file, function) { run(count, body) }
  }

  private static func run(_ count: Int, _ body: @Sendable (Int) -> Void) {
    let next = Atomic<Int>(0)
    Workers.shared.share(with: min(threads, count) - 1) {
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if index >= count { return }
        body(index)
      }
    }
  }

  /// Calls `body` for consecutive ranges of at most `size` that cover `0 ..< count`.
  package static func forEachRange(
    of count: Int, by size: Int, file: StaticString = #fileID, function: StaticString = #function,
    _ body: @Sendable (Range<Int>) -> Void
  ) {
    forEach((count + size - 1) / size, file: file, function: function) { body($0 * size..<min(($0 + 1) * size, count)) }
  }
}

import Glibc
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

  /// What `body` makes of each of `0 ..< count`.
  static func map<Result: Sendable>(
    _ count: Int, file: StaticString = #fileID, function: StaticString = #function, _ body: @Sendable (Int) -> Result
  ) -> [Result] {
    unsafe Array(unsafeUninitializedCapacity: count) { buffer, initialized in
      nonisolated(unsafe) let results = unsafe buffer
      forEach(count, file: file, function: function) { unsafe results.initializeElement(at: $0, to: body($0)) }
      initialized = count
    }
  }

  /// Calls `body` for consecutive ranges of at most `size` that cover `0 ..< count`.
  package static func forEachRange(
    of count: Int, by size: Int, file: StaticString = #fileID, function: StaticString = #function,
    _ body: @Sendable (Range<Int>) -> Void
  ) {
    forEach((count + size - 1) / size, file: file, function: function) { body($0 * size..<min(($0 + 1) * size, count)) }
  }

  /// Calls `body` for every step of every chain: the steps of one chain in order, chains side by side.
  /// - Parameter lengths: how many steps each chain has.
  static func forEachStep(
    ofChains lengths: [Int], file: StaticString = #fileID, function: StaticString = #function,
    _ body: @Sendable (_ chain: Int, _ step: Int) -> Void
  ) {
    let steps = (0..<(lengths.max() ?? 0)).flatMap { step in
      lengths.indices.filter { step < lengths[$0] }.map { (chain: $0, step: step) }
    }
    let done = lengths.map { _ in Progress() }
    // Whoever waits has taken a later step than the one it waits for, so the earliest one under way never waits.
    forEach(steps.count, file: file, function: function) { index in
      let (chain, step) = steps[index]
      done[chain].wait(for: step)
      body(chain, step)
      done[chain].advance()
    }
  }

  /// How many steps of a chain are done.
  private final class Progress: Sendable {
    private let steps = Atomic<Int>(0)

    func wait(for count: Int) {
      while steps.load(ordering: .acquiring) < count { sched_yield() }
    }

    func advance() { steps.wrappingAdd(1, ordering: .releasing) }
  }
}

import Dispatch
import Synchronization
import Testing

@testable import Tensor

/// How often each piece of work was done.
private final class Counts: Sendable {
  private let counts: Mutex<[Int]>

  init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

  func add(_ index: Int) { counts.withLock { $0[index] += 1 } }

  var all: [Int] { counts.withLock { $0 } }
}

/// Shares work as `Parallel` does, with any number of workers.
private func share(_ workers: Workers, with others: Int, pieces: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let next = Atomic<Int>(0)
  workers.share(with: others) {
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if index >= pieces { return }
      body(index)
    }
  }
}

@Test(arguments: [0, 1, 2, 7]) func `each piece is done once, however many share the work`(_ others: Int) {
  for round in 0..<200 {
    let counts = Counts(round)
    share(.shared, with: others, pieces: round) { counts.add($0) }
    #expect(counts.all.allSatisfy { $0 == 1 })
  }
}

@Test func `work inside of work, and from many sides at once, is done by who brings it`() {
  let counts = Counts(1000)
  DispatchQueue.concurrentPerform(iterations: 10) { side in
    share(.shared, with: 3, pieces: 10) { piece in
      share(.shared, with: 3, pieces: 10) { counts.add(side * 100 + piece * 10 + $0) }
    }
  }
  #expect(counts.all.allSatisfy { $0 == 1 })
}

@Test func `a worker that went to sleep is woken by new work`() async throws {
  let workers = Workers()
  for _ in 0..<3 {
    try await Task.sleep(for: .milliseconds(20))
    let here = Atomic<Int>(0)
    // Each of two waits for the other: alone, neither would end.
    workers.share(with: 1) {
      here.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while here.load(ordering: .sequentiallyConsistent) < 2 {}
    }
  }
}

@Test(arguments: [1, 2, 3, 8]) func `the steps of a chain are taken once and in order, whoever takes them`(_ threads: Int) {
  let before = Parallel.threads
  defer { Parallel.threads = before }
  Parallel.threads = threads
  let lengths = [3, 0, 40, 1, 17]
  let taken = Mutex(lengths.map { _ in [Int]() })
  Parallel.forEachStep(ofChains: lengths) { chain, step in taken.withLock { $0[chain].append(step) } }
  #expect(taken.withLock { $0 } == lengths.map { Array(0..<$0) })
  Parallel.forEachStep(ofChains: []) { _, _ in Issue.record("there is no step") }
}

import Dispatch
import Glibc
import Synchronization

/// Threads that wait for work and share it with whoever brings it.
///
/// A training step spreads thousands of pieces of work that take microseconds, and waking a thread takes tens of them: a
/// worker therefore looks out for a while, giving way to whoever else wants the processor, before it sleeps.
@safe final class Workers: @unchecked Sendable {
  static let shared = Workers()

  /// What there is to do, for as long as the gate lets anybody in.
  nonisolated(unsafe) private var work: () -> Void = {}
  private let gate = Atomic<UInt64>(0)
  private let isTaken = Atomic<Bool>(false)
  /// How many threads have been started; only who has taken the workers changes it.
  nonisolated(unsafe) private var started = 0
  private let sleeping = Atomic<Int>(0)
  private let alarm = DispatchSemaphore(value: 0)

  /// How often a worker looks before it sleeps: some 50 microseconds.
  private static let looks = 100

  /// The gate's value: which work this is, how many workers may still enter, how many are inside.
  private struct Gate {
    static let place: UInt64 = 1 << 16, work: UInt64 = 1 << 32
    let value: UInt64
    var number: UInt64 { value / Self.work }
    var places: UInt64 { value % Self.work / Self.place }
    var inside: UInt64 { value % Self.place }
  }

  /// Runs `body` in the calling thread and in up to `count` others; returns when all of them have.
  ///
  /// While others' work is under way, the caller does its own alone.
  func share(with count: Int, _ body: () -> Void) {
    guard count > 0, !isTaken.exchange(true, ordering: .acquiring) else { return body() }
    defer { isTaken.store(false, ordering: .releasing) }
    let count = min(count, Int(Gate.place) - 1)
    start(count)
    withoutActuallyEscaping(body) { body in
      unsafe work = body
      let number = Gate(value: gate.load(ordering: .relaxed)).number
      gate.store((number &+ 1) &* Gate.work + UInt64(count) * Gate.place, ordering: .sequentiallyConsistent)
      for _ in 0..<min(count, sleeping.load(ordering: .sequentiallyConsistent)) { alarm.signal() }
      body()
      close()
      unsafe work = {}
    }
  }

  /// Lets nobody in any more, and waits for those inside.
  private func close() {
    var seen = Gate(value: gate.load(ordering: .relaxed))
    while seen.places > 0 {
      let (isClosed, original) = gate.compareExchange(
        expected: seen.value, desired: seen.value - seen.places * Gate.place, ordering: .acquiringAndReleasing)
      if isClosed { break }
      seen = Gate(value: original)
    }
    while Gate(value: gate.load(ordering: .acquiring)).inside > 0 { sched_yield() }
  }

  private func start(_ count: Int) {
    while unsafe started < count {
      var thread = pthread_t()
      let result = unsafe pthread_create(
        &thread, nil, { context in unsafe Unmanaged<Workers>.fromOpaque(context!).takeUnretainedValue().wait() },
        Unmanaged.passRetained(self).toOpaque())
      guard result == 0 else { return }  // those that there are do it
      pthread_detach(thread)
      unsafe started += 1
    }
  }

  /// A worker's life.
  private func wait() -> Never {
    var last: UInt64 = 0, looks = 0
    while true {
      if let number = enter(after: last) {
        unsafe work()
        gate.wrappingSubtract(1, ordering: .releasing)
        last = number
        looks = 0
      } else if looks < Self.looks {
        looks += 1
        sched_yield()
      } else {
        sleep(after: last)
        looks = 0
      }
    }
  }

  /// Goes to where the work is, if there is any besides what this worker has seen; the work's number.
  private func enter(after last: UInt64) -> UInt64? {
    var seen = Gate(value: gate.load(ordering: .relaxed))
    while seen.places > 0, seen.number != last {
      let (entered, original) = gate.compareExchange(
        expected: seen.value, desired: seen.value - Gate.place + 1, ordering: .acquiring)
      if entered { return seen.number }
      seen = Gate(value: original)
    }
    return nil
  }

  /// Sleeps until there may be new work.
  private func sleep(after last: UInt64) {
    sleeping.wrappingAdd(1, ordering: .sequentiallyConsistent)
    let seen = Gate(value: gate.load(ordering: .sequentiallyConsistent))
    if seen.places == 0 || seen.number == last { alarm.wait() }
    sleeping.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }
}

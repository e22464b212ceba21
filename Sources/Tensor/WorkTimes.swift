import Synchronization

/// How long the work took that was spread over threads, by the operation that asked for it: for benchmarks. Unless one
/// asks, nothing is kept and nothing is timed.
package enum WorkTimes {
  private static let isOn = Atomic<Bool>(false)
  private static let times = Mutex<[String: Duration]>([:])

  /// Runs `body` and returns the seconds of each operation in it: "Weight.forward", "Attention.backward" and so on.
  package static func collect<E>(_ body: () throws(E) -> Void) throws(E) -> [String: Double] {
    times.withLock { $0 = [:] }
    isOn.store(true, ordering: .relaxed)
    defer { isOn.store(false, ordering: .relaxed) }
    try body()
    return times.withLock { $0.mapValues { $0 / .seconds(1) } }
  }

  /// - Parameters:
  ///   - file: `Room/Type.swift`
  ///   - function: `name(labels:)`
  static func measure(_ file: StaticString, _ function: StaticString, _ body: () -> Void) {
    guard isOn.load(ordering: .relaxed) else { return body() }
    let duration = ContinuousClock().measure(body)
    let type = file.description.split(separator: "/").last?.prefix { $0 != "." } ?? ""
    let name = "\(type).\(function.description.prefix { $0 != "(" })"
    times.withLock { $0[name, default: .zero] += duration }
  }
}

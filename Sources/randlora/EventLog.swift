import Failures
import Pipeline
import Synchronization

/// The events of a run, kept.
final class EventLog: Sendable {
  private let events = Mutex<[RunEvent]>([])

  var all: [RunEvent] { events.withLock { $0 } }

  var firstFailure: Failure? {
    for event in all { if case .failed(_, let failure, _, _) = event { return failure } }
    return nil
  }

  func add(_ event: RunEvent) { events.withLock { $0.append(event) } }
}

import Failures
import Pipeline
import Synchronization

/// The events of a run, kept.
final class EventLog: Sendable {
  private let events = Mutex<[RunEvent]>([])

  var all: [RunEvent] { events.withLock { $0 } }

  func add(_ event: RunEvent) { events.withLock { $0.append(event) } }
}

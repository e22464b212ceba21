import Glibc
import Synchronization

/// Stops a stage that takes longer than it may: first with a request, then for good.
final class StageTimeout: Sendable {
  private let seconds: Double?
  private let grace: Double
  private let state = Mutex<(task: Task<Void, Never>?, fired: Bool)>((nil, false))

  /// - Parameter grace: seconds between the request and the end.
  init(_ seconds: Double?, grace: Double) { (self.seconds, self.grace) = (seconds, grace) }

  var hasFired: Bool { state.withLock { $0.fired } }

  /// - Parameter id: the leader of the stage's process group.
  func begin(_ id: pid_t) {
    guard let seconds else { return }
    let task = Task {
      guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
      self.state.withLock { $0.fired = true }
      kill(-id, SIGTERM)
      guard (try? await Task.sleep(for: .seconds(self.grace))) != nil else { return }
      kill(-id, SIGKILL)
    }
    state.withLock { $0.task = task }
  }

  func end() { state.withLock { $0.task?.cancel() } }
}

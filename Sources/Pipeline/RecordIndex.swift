import Artifacts
import Synchronization

/// All records of a store, read once, and only when something is not up to date: for reasons, and for the states
/// of a chain that lie at other steps than this run's.
package final class RecordIndex: Sendable {
  private let store: Store
  private let records = Mutex<[ActionRecord]?>(nil)

  package init(_ store: Store) { self.store = store }

  package var all: [ActionRecord] {
    records.withLock { records in
      let loaded = records ?? store.records()
      records = loaded
      return loaded
    }
  }

  func add(_ record: ActionRecord) {
    records.withLock { records in records?.append(record) }
  }

  /// Why an action of a stage is not up to date.
  package func reasons(for action: ActionPreimage, stage name: String) -> [RerunReason] {
    RerunReason.reasons(for: action, among: all.filter { $0.name == name })
  }

  /// The steps at which states of a program's chain from these inputs are recorded, whatever the parameters.
  func steps(stage: String, revision: Int, inputs: [String: Digest]) -> [Int] {
    let steps = all.compactMap { record -> Int? in
      let action = record.preimage
      guard action.stage == stage, action.revision == revision, action.inputs == inputs else { return nil }
      return action.step
    }
    return Set(steps).sorted()
  }
}

import Artifacts
import Failures

/// What is known already, here or in an upstream store, and what goes there.
extension Build {
  enum Knowledge {
    case available(Digest)
    /// Recorded, but the object is gone or damaged.
    case lost(Digest)
    /// A receipt for something that does not lie where it was published any more.
    case unpublished(RerunReason)
    case unknown
  }

  /// What is known of an action.
  func known(_ action: Action) -> Knowledge {
    let knowledge = known(action.key, action.label)
    guard action.interface.output == .receipt, case .available(let digest) = knowledge,
      let receipt = try? store.object(digest),
      let reason = action.lostPublication(receipt, verify: options.verification, memo: store.memo)
    else { return knowledge }
    return .unpublished(reason)
  }

  /// What is known under a key. A damaged object is taken out of the way.
  func known(_ key: Digest, _ label: RunEvent.Label) -> Knowledge {
    let record = store.record(key)
    if let record {
      if (try? store.ownObject(record.output, verify: options.verification)) != nil {
        if !options.dryRun { store.noteUse(of: record) }
        push(record, label)
        return .available(record.output)
      }
      if !options.dryRun, !store.isReadOnly { store.quarantine(record.output) }
    }
    if let found = store.upstreamRecord(key), take(found, label) { return .available(found.output) }
    return record.map { .lost($0.output) } ?? .unknown
  }

  func reuse(_ label: RunEvent.Label, _ digest: Digest) -> ActionOutcome {
    tell(.reused(label, digest))
    return .available(digest)
  }

  /// Copies an upstream result in; where nothing is to be written, it is used where it lies.
  private func take(_ record: ActionRecord, _ label: RunEvent.Label) -> Bool {
    if options.dryRun || store.isReadOnly { return true }
    do {
      try store.fetch(record)
      tell(.fetched(label, record.output))
      return true
    } catch {
      tell(.warned(label, "cannot take the result from upstream: \(error.message)"))
      return false
    }
  }

  /// Copies a result to the first upstream store, where that was asked for.
  func push(_ record: ActionRecord, _ label: RunEvent.Label) {
    guard options.pushes, !options.dryRun, let other = store.upstream.first else { return }
    do {
      if try store.push(record, to: other) { tell(.pushed(label, record.output, to: other.root)) }
    } catch {
      _ = fail(label, Failure(error.kind, "cannot push the result: \(error.message)", hint: error.hint))
    }
  }
}

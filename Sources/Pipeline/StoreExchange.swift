import Artifacts
package import Failures

/// What goes from one store to another.
extension Store {
  /// The record of a result that an upstream store has whole.
  func upstreamRecord(_ key: Digest) -> ActionRecord? {
    for store in upstream {
      if let record = store.record(key), (try? store.object(record.output)) != nil { return record }
    }
    return nil
  }

  /// Copies a result in from upstream: the object, checked byte by byte, then its record.
  func fetch(_ record: ActionRecord) throws(Failure) {
    _ = try object(record.output).copy(to: objectPath(record.output), as: .sealed, memo: memo)
    try write(record)
  }

  /// Copies a result to another store, unless it is there already.
  ///
  /// - Returns: whether there was anything to copy.
  /// - Throws: `Failure` when the result is damaged here, or when the other store cannot be written.
  package func push(_ record: ActionRecord, to other: Store) throws(Failure) -> Bool {
    let key = try record.preimage.key
    if let there = other.record(key), (try? other.ownObject(there.output, verify: .memoised)) != nil {
      return false
    }
    if other.isReadOnly { throw Failure(.io, "the store \(other.root) may only be read") }
    _ = try object(record.output).copy(to: other.objectPath(record.output), as: .sealed, memo: other.memo)
    try other.write(record)
    return true
  }
}

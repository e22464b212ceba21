package import Artifacts
import Failures

/// Everything in a store read again and compared with what it should be.
package struct StoreScrub: Sendable {
  package struct Damage: Sendable {
    /// The digest of an object, or the key of a record.
    package let digest: Digest
    package let isRecord: Bool
    /// Whether something is gone rather than changed: the model that a base refers to has moved, say.
    package let isLoss: Bool
    package let reason: String
  }

  package private(set) var objects = 0
  package private(set) var bytes = 0
  package private(set) var records = 0
  package private(set) var damages: [Damage] = []
  /// Records whose object is not there (any more): they cost a run, nothing else.
  package private(set) var missing = 0

  /// - Parameters:
  ///   - quarantines: whether what is damaged is put aside, so that it is made again when it is needed.
  ///   - advance: told of every byte that was read.
  package init(_ store: Store, quarantines: Bool, advance: (Int) -> Void) {
    for digest in store.digests {
      do {
        let artifact = try store.ownObject(digest, verify: .always)
        let size = artifact.files.reduce(0) { $0 + $1.bytes }
        (objects, bytes) = (objects + 1, bytes + size)
        advance(size)
      } catch {
        damages.append(
          Damage(digest: digest, isRecord: false, isLoss: error.kind == .missingInput, reason: error.message))
        if quarantines { store.quarantine(digest) }
      }
    }
    for key in store.keys {
      if let record = store.record(key) {
        records += 1
        if !Files.isDirectory(store.objectPath(record.output)) { missing += 1 }
      } else {
        damages.append(Damage(digest: key, isRecord: true, isLoss: false, reason: "the record \(key) is damaged"))
        if quarantines { store.setAside(store.recordPath(key)) }
      }
    }
  }
}

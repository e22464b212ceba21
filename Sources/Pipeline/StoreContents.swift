package import Artifacts
import Failures
package import FoundationEssentials
import Glibc

/// The objects of a store with what the collector weighs: their size, what they cost to make, when they were used.
package struct StoreContents: Sendable {
  package struct Entry: Sendable {
    package let digest: Digest
    /// Nil when it is damaged.
    package let kind: ArtifactKind?
    /// What its manifest lists, wherever that lies.
    package let fileBytes: Int
    /// What it takes in the store, without the files that a base refers to.
    package let bytes: Int
    package let isPinned: Bool
    /// The actions that are known to make it.
    package let records: [ActionRecord]
    package let lastUse: Date

    /// Stage names, for people.
    package var names: [String] { Set(records.map(\.label)).sorted() }
    /// What making it again costs, in seconds.
    package var seconds: Double { records.map(\.seconds).max() ?? 0 }
    /// Seconds of work that a byte saves.
    package var value: Double { seconds / Double(max(bytes, 1)) }
  }

  package let entries: [Entry]
  /// Keys whose record is damaged or whose object is gone.
  let staleKeys: [Digest]

  package var bytes: Int { entries.reduce(0) { $0 + $1.bytes } }

  package init(_ store: Store) {
    var records: [Digest: [ActionRecord]] = [:]
    var stale: [Digest] = []
    let digests = store.digests
    let present = Set(digests)
    for key in store.keys {
      guard let record = store.record(key), present.contains(record.output) else {
        stale.append(key)
        continue
      }
      records[record.output, default: []].append(record)
    }
    staleKeys = stale
    let uses = PlanMemo.uses(in: store)
    entries = digests.map { digest in
      let made = records[digest] ?? []
      let places = made.compactMap { try? store.recordPath($0.preimage.key) } + [store.objectPath(digest)]
      let artifact = try? store.ownObject(digest, verify: .sizes)
      return Entry(
        digest: digest, kind: artifact?.kind, fileBytes: artifact?.files.reduce(0) { $0 + $1.bytes } ?? 0,
        bytes: Self.bytes(in: store.objectPath(digest)), isPinned: Files.exists(store.pinPath(digest)),
        records: made, lastUse: max(places.map(Self.modified).max() ?? .distantPast, uses[digest] ?? .distantPast))
    }
  }

  private static func bytes(in directory: String) -> Int {
    ((try? Files.tree(directory)) ?? []).reduce(0) { $0 + ((try? Files.size(of: "\(directory)/\($1)")) ?? 0) }
  }

  static func modified(_ path: String) -> Date {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return .distantPast }
    return Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec))
  }
}

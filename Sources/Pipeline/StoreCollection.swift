package import Artifacts
package import Failures
package import FoundationEssentials

/// What `gc` takes out of a store, and why.
package struct StoreCollection: Sendable {
  package struct Budget: Sendable {
    /// Bytes that may stay; nil for any number.
    package var bytes: Int?
    /// Seconds since the last use beyond which a result goes; nil for never.
    package var age: Double?

    package init(bytes: Int? = nil, age: Double? = nil) { (self.bytes, self.age) = (bytes, age) }
  }

  package enum Reason: String, Sendable {
    /// No record leads to it: left by a killed runner.
    case unreferenced
    case damaged
    case age
    case size
  }

  package let removals: [(entry: StoreContents.Entry, reason: Reason)]
  package let kept: [StoreContents.Entry]
  private let staleKeys: [Digest]

  /// How long the log of an action without a result is kept, and what stages answered.
  private static let logAge = 7 * 86_400.0

  /// Plans the collection. Pinned artifacts always stay. Beyond the budget goes first what is worth least: the least
  /// seconds of work a byte, and among equals what was not used for longest.
  package init(_ contents: StoreContents, _ budget: Budget, now: Date = Date()) {
    staleKeys = contents.staleKeys
    var removals: [(entry: StoreContents.Entry, reason: Reason)] = []
    var rest: [StoreContents.Entry] = []
    for entry in contents.entries {
      if let reason = Self.reason(to: entry, budget, now) { removals.append((entry, reason)) } else { rest.append(entry) }
    }
    var bytes = rest.reduce(0) { $0 + $1.bytes }
    var kept: [StoreContents.Entry] = []
    for entry in rest.sorted(by: { ($0.value, $0.lastUse, $0.digest) < ($1.value, $1.lastUse, $1.digest) }) {
      if let limit = budget.bytes, bytes > limit, !entry.isPinned {
        removals.append((entry, .size))
        bytes -= entry.bytes
      } else {
        kept.append(entry)
      }
    }
    (self.removals, self.kept) = (removals, kept)
  }

  /// Why an artifact goes, however much room there is; nil when it may stay.
  private static func reason(to entry: StoreContents.Entry, _ budget: Budget, _ now: Date) -> Reason? {
    if entry.isPinned { return nil }
    if entry.kind == nil { return .damaged }
    if entry.records.isEmpty { return .unreferenced }
    if let age = budget.age, now.timeIntervalSince(entry.lastUse) > age { return .age }
    return nil
  }

  package var bytes: Int { removals.reduce(0) { $0 + $1.entry.bytes } }
  package var keptBytes: Int { kept.reduce(0) { $0 + $1.bytes } }

  /// Removes what was planned, and what killed runners left behind.
  fileprivate func remove(from store: Store, now: Date) throws(Failure) {
    for (entry, _) in removals {
      // Records first: one that outlived its object would be looked at in vain.
      for record in entry.records { store.forget(try record.preimage.key) }
      store.quarantine(entry.digest)  // by one rename: an object is whole or not there
    }
    for key in staleKeys { store.forget(key) }
    store.clean(before: now.addingTimeInterval(-Self.logAge))
  }
}

extension Store {
  /// Brings the store within a budget.
  ///
  /// - Throws: `Failure.busy` while runners use the store, unless it is only to be said what would go.
  package func collect(
    _ budget: StoreCollection.Budget, dryRun: Bool, now: Date = Date()
  ) throws(Failure) -> StoreCollection {
    if dryRun { return StoreCollection(StoreContents(self), budget, now: now) }
    if isReadOnly { throw Failure(.io, "the store \(root) may only be read") }
    guard let use = try own() else {
      throw Failure(.busy, "the store \(root) is in use", hint: "run gc again when no runner is at work in it")
    }
    defer { withExtendedLifetime(use) {} }
    let collection = StoreCollection(StoreContents(self), budget, now: now)
    try collection.remove(from: self, now: now)
    return collection
  }

  package func pinPath(_ digest: Digest) -> String { "\(root)/pins/\(digest)" }

  /// Keeps an artifact from being collected, or no longer does.
  package func pin(_ digest: Digest, _ isPinned: Bool) throws(Failure) {
    if isPinned { try AtomicFile.write("", to: pinPath(digest)) } else { Files.remove(pinPath(digest)) }
  }

  /// The artifacts that are pinned.
  package var pins: [Digest] {
    ((try? Files.names(in: "\(root)/pins")) ?? []).compactMap { Digest(hex: $0) }
  }

  fileprivate func forget(_ key: Digest) {
    Files.remove(recordPath(key))
    Files.remove(logPath(key))
  }

  /// Removes leftovers: of killed writers, of damage, and from before a time, of actions that came to nothing and of
  /// questions that may not be asked again.
  fileprivate func clean(before limit: Date) {
    sweep(keepingPartial: false)
    for name in (try? Files.names(in: "\(root)/damaged")) ?? [] { Files.remove("\(root)/damaged/\(name)") }
    for directory in ["", "/actions", "/answers", "/objects", "/pins"] { AtomicFile.sweep(root + directory) }
    for path in answers where StoreContents.modified(path) < limit { Files.remove(path) }
    let known = Set(keys)
    for name in (try? Files.names(in: "\(root)/logs")) ?? [] {
      guard let key = Digest(hex: String(name.prefix(64))), !known.contains(key) else { continue }
      if StoreContents.modified("\(root)/logs/\(name)") < limit { Files.remove("\(root)/logs/\(name)") }
    }
  }
}

package import Artifacts
package import Failures
import Glibc
import JSON

/// Where results are kept, by what they are and by what made them:
///
///     objects/DIGEST/     artifacts
///     actions/KEY.json    one immutable record per action: key → digest
///     locks/KEY           the kernel's lock of an action that is being done
///     tmp/KEY/            what its stage is writing; nothing there counts
///     logs/KEY.log        what its stage said
///     answers/KEY.json    what stages answered to questions; disposable
///
/// Nothing is ever rewritten: objects and records appear by one rename, so any number of runners may share a store.
package struct Store: Sendable {
  package let root: String
  package let memo: DigestMemo

  /// - Throws: `Failure.io` when the directories cannot be made.
  package init(_ root: String, memo: DigestMemo = .standard) throws(Failure) {
    self.root = try Files.absolute(root)
    self.memo = memo
    for directory in ["objects", "actions", "locks", "tmp", "logs", "answers"] {
      try Files.makeDirectories("\(self.root)/\(directory)")
    }
    if case .missing = try FileStatus("\(self.root)/.gitignore") {
      try AtomicFile.write("*\n", to: "\(self.root)/.gitignore")
    }
  }

  func objectPath(_ digest: Digest) -> String { "\(root)/objects/\(digest)" }
  func recordPath(_ key: Digest) -> String { "\(root)/actions/\(key).json" }
  func lockPath(_ key: Digest) -> String { "\(root)/locks/\(key)" }
  func workPath(_ key: Digest) -> String { "\(root)/tmp/\(key)" }
  package func logPath(_ key: Digest) -> String { "\(root)/logs/\(key).log" }
  func answerPath(_ key: Digest) -> String { "\(root)/answers/\(key).json" }

  // MARK: - Records

  /// What is recorded under a key; nil when nothing is, or when the record is damaged.
  package func record(_ key: Digest) -> ActionRecord? {
    let path = recordPath(key)
    guard let bytes = try? Files.contents(of: path, limit: 16 << 20) else { return nil }
    return try? ActionRecord(bytes, key: key, source: path)
  }

  func write(_ record: ActionRecord) throws(Failure) {
    try AtomicFile.write(try record.bytes, to: recordPath(try record.preimage.key))
  }

  /// Every readable record, in the order of their keys.
  package func records() -> [ActionRecord] {
    ((try? Files.names(in: "\(root)/actions")) ?? []).compactMap { name in
      name.hasSuffix(".json") ? Digest(hex: String(name.dropLast(5))).flatMap(record) : nil
    }
  }

  // MARK: - Objects

  /// An artifact of the store, checked.
  ///
  /// - Throws: `Failure` saying what is wrong with it.
  package func object(
    _ digest: Digest, verify: Artifact.Verification = .memoised
  ) throws(Failure) -> Artifact {
    let artifact = try Artifact.open(objectPath(digest), verify: verify, memo: memo)
    guard artifact.digest == digest else {
      throw Failure(.badData, "\(artifact.directory) holds the artifact \(artifact.digest) instead")
    }
    return artifact
  }

  /// Moves a finished artifact into the store, on one file system by one rename.
  ///
  /// An equal object that is already there stays; a damaged one makes way.
  func publish(_ artifact: Artifact) throws(Failure) -> Digest {
    let path = objectPath(artifact.digest)
    while unsafe rename(artifact.directory, path) != 0 {
      guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else {
        throw Failure(.io, "cannot rename \(artifact.directory) to \(path): \(errorText())")
      }
      if (try? object(artifact.digest)) != nil {
        Files.remove(artifact.directory)
        return artifact.digest
      }
      quarantine(artifact.digest)
    }
    try Files.sync("\(root)/objects")
    return artifact.digest
  }

  /// Takes a damaged object out of the way, to be swept: nobody uses it again.
  func quarantine(_ digest: Digest) {
    let aside = "\(root)/tmp/damaged-\(digest)-\(UInt64.random(in: 0 ... .max))"
    _ = unsafe rename(objectPath(digest), aside)
  }

  // MARK: - Work in hand

  /// The lock of a key, or nil when another process holds it.
  func lock(_ key: Digest) throws(Failure) -> KeyLock? { try KeyLock.take(lockPath(key)) }

  /// Who holds the lock of a key, as they wrote it down.
  func holder(of key: Digest) -> String {
    let bytes = (try? Files.contents(of: lockPath(key), limit: 1000)) ?? []
    return bytes.isEmpty ? "another process" : String(decoding: bytes, as: UTF8.self)
  }

  /// A clean directory for the stage to write to. Only what an interrupted call left to go on from is kept.
  func prepareWork(_ key: Digest) throws(Failure) {
    let work = workPath(key)
    for name in (try? Files.names(in: work)) ?? [] where name != "out.partial" {
      Files.remove("\(work)/\(name)")
    }
    try Files.makeDirectories(work)
  }

  /// Ends the work on a key: the lock file goes while the lock is still held.
  func finishWork(_ key: Digest, _ lock: KeyLock) {
    withExtendedLifetime(lock) {
      let names = (try? Files.names(in: workPath(key))) ?? []
      if !names.contains("out.partial") { Files.remove(workPath(key)) }
      _ = unsafe unlink(lockPath(key))
    }
  }

  /// Removes what killed runners left behind: work whose lock is free. What an interrupted stage can go on from stays.
  func sweep() {
    for name in (try? Files.names(in: "\(root)/tmp")) ?? [] {
      guard let key = Digest(hex: name) else {
        Files.remove("\(root)/tmp/\(name)")
        continue
      }
      guard let lock = try? lock(key) else { continue }
      try? prepareWork(key)
      finishWork(key, lock)
    }
  }
}

package import Artifacts
package import Failures
import Glibc

/// Where results are kept, by what they are and by what made them:
///
///     objects/DIGEST/     artifacts
///     actions/KEY.json    one immutable record per action: key → digest
///     locks/KEY           the kernel's lock of an action that is being done
///     tmp/KEY/            what its stage is writing; nothing there counts
///     logs/KEY.log        what its stage said
///     answers/KEY.json    what stages answered to questions; disposable
///     damaged/            objects and records that were found damaged; nobody uses them again
///     pins/DIGEST         what `gc` never removes
///     in-use              the kernel's lock that keeps `gc` and runners apart
///
/// Nothing is ever rewritten: objects and records appear by one rename, so any number of runners may share a store.
package struct Store: Sendable {
  package let root: String
  package let memo: DigestMemo
  /// Stores that are asked in turn for what this one does not have. Nothing is written to them, save to the first
  /// by `push`.
  package let upstream: [Store]
  /// Whether this user may only read it. What is known can be used, nothing can be made.
  package let isReadOnly: Bool

  private static let directories = [
    "objects", "actions", "locks", "tmp", "logs", "answers", "damaged", "pins",
  ]

  /// A store at a place where there may be none yet.
  package init(
    _ root: String, upstream: [Store] = [], memo: DigestMemo = .standard
  ) throws(Failure) {
    self.root = try Files.absolute(root)
    (self.memo, self.upstream) = (memo, upstream)
    isReadOnly = Files.isDirectory("\(root)/objects") && !Files.isWritable("\(root)/objects")
  }

  /// Makes the directories of a store that is new.
  ///
  /// - Throws: `Failure.io` when that is not possible.
  func make() throws(Failure) {
    if isReadOnly { return }
    do {
      try Witness.unseen { () throws(Failure) in
        for directory in Self.directories { try Files.makeDirectories("\(root)/\(directory)") }
        if case .missing = try FileStatus("\(root)/.gitignore") { try AtomicFile.write("*\n", to: "\(root)/.gitignore") }
      }
    } catch {
      throw Failure(
        error.kind, error.message, hint: error.hint ?? "set RANDLORA_STORE to a directory that you may write to")
    }
  }

  /// Opens a store that must be there already.
  ///
  /// - Throws: `Failure.missingInput` when there is none.
  package init(existing root: String, memo: DigestMemo = .standard) throws(Failure) {
    for part in ["objects", "actions"] {
      guard case .directory = try FileStatus("\(root)/\(part)", followingLinks: true) else {
        throw Failure(
          .missingInput, "there is no store at \(root)",
          hint: "name one with --store or RANDLORA_STORE; a run makes one beside its pipeline file")
      }
    }
    try self.init(root, memo: memo)
    try make()  // what copies a store may leave out directories that are empty
  }

  package func objectPath(_ digest: Digest) -> String { "\(root)/objects/\(digest)" }
  func recordPath(_ key: Digest) -> String { "\(root)/actions/\(key).json" }
  func lockPath(_ key: Digest) -> String { "\(root)/locks/\(key)" }
  func workPath(_ key: Digest) -> String { "\(root)/tmp/\(key)" }
  package func logPath(_ key: Digest) -> String { "\(root)/logs/\(key).log" }
  func answerPath(_ key: Digest) -> String { "\(root)/answers/\(key).json" }
  /// The paths of all answers that are kept.
  var answers: [String] { ((try? Files.names(in: "\(root)/answers")) ?? []).map { "\(root)/answers/\($0)" } }

  /// What is wrong with wanting to make something here.
  func refusal(of what: String) -> Failure {
    Failure(
      .io, "\(what) must be made, but the store \(root) may only be read",
      hint: "set RANDLORA_STORE to a directory of your own, and RANDLORA_STORE_UPSTREAM to \(root) to use what it has")
  }

  // MARK: - Records

  /// What is recorded under a key; nil when nothing is, or when the record is damaged.
  package func record(_ key: Digest) -> ActionRecord? {
    let path = recordPath(key)
    guard let bytes = Witness.unseen({ try? Files.contents(of: path, limit: 16 << 20) }) else { return nil }
    return try? ActionRecord(bytes, key: key, source: path)
  }

  func write(_ record: ActionRecord) throws(Failure) {
    try AtomicFile.write(try record.bytes, to: recordPath(try record.preimage.key))
  }

  /// The keys under which there is a record, readable or not.
  package var keys: [Digest] {
    ((try? Files.names(in: "\(root)/actions")) ?? []).compactMap { name in
      name.hasSuffix(".json") ? Digest(hex: String(name.dropLast(5))) : nil
    }
  }

  /// Every readable record, in the order of their keys.
  package func records() -> [ActionRecord] { keys.compactMap(record) }

  // MARK: - Objects

  /// The digests of the objects that are here, whole or not.
  package var digests: [Digest] {
    ((try? Files.names(in: "\(root)/objects")) ?? []).compactMap { Digest(hex: $0) }
  }

  /// An artifact of the store or of one upstream, checked.
  ///
  /// - Throws: `Failure` saying what is wrong with it.
  package func object(
    _ digest: Digest, verify: Artifact.Verification = .memoised
  ) throws(Failure) -> Artifact {
    do throws(Failure) {
      return try ownObject(digest, verify: verify)
    } catch {
      for store in upstream { if let artifact = try? store.object(digest, verify: verify) { return artifact } }
      throw error
    }
  }

  func ownObject(_ digest: Digest, verify: Artifact.Verification) throws(Failure) -> Artifact {
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
      if (try? ownObject(artifact.digest, verify: .memoised)) != nil {
        Files.remove(artifact.directory)
        return artifact.digest
      }
      quarantine(artifact.digest)
    }
    try Files.sync("\(root)/objects")
    return artifact.digest
  }

  /// Takes a damaged object out of the way: nobody uses it again.
  func quarantine(_ digest: Digest) { setAside(objectPath(digest)) }

  func setAside(_ path: String) {
    let place = "\(root)/damaged/\(Files.name(of: path))-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
    _ = unsafe rename(path, place)
  }

  /// A use is not noted again within so many seconds.
  static let useInterval = 60

  /// Notes that a result was used, for `gc`: the record first, so that it never outlives the object in its order.
  func noteUse(of record: ActionRecord) {
    guard !isReadOnly, let key = try? record.preimage.key else { return }
    for path in [recordPath(key), objectPath(record.output)] { Files.touch(path, ifOlderThan: Self.useInterval) }
  }
}

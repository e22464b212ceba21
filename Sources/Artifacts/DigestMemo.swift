package import Failures
import FoundationEssentials
import Glibc
import Synchronization

/// Remembers the digests of files by their identity, so that a file of many gigabytes is read once.
///
/// The memo is a file of lines in the user's cache. It only ever saves work: it may be deleted at any time,
/// several processes may add to it at once, and a damaged line is skipped.
package final class DigestMemo: Sendable {
  /// The memo in `$XDG_CACHE_HOME/randlora`, or in `~/.cache/randlora`.
  package static let standard = DigestMemo(file: standardFile)

  private let file: String?
  private let now: @Sendable () -> Int
  /// Lines by the text of their identity; nil until the file is read. A line is checked when it is used.
  private let lines = Mutex<[String: String]?>(nil)

  /// A file that was changed this short a time (in nanoseconds) before it was read could change again without
  /// a new time stamp on a coarse file system; such an entry is not recorded (as git's index has it).
  static let racyInterval = 2_000_000_000
  /// Beyond this many bytes the memo starts afresh.
  private static let fileLimit = 4 << 20

  /// - Parameters:
  ///   - file: where the memo lies; nil for one that lasts as long as the process.
  ///   - now: the clock, in nanoseconds since 1970.
  package init(file: String?, now: @escaping @Sendable () -> Int = DigestMemo.realTime) {
    self.file = file
    self.now = now
  }

  package static let realTime: @Sendable () -> Int = {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return FileIdentity.nanoseconds(time)
  }

  private static var standardFile: String? {
    let environment = ProcessInfo.processInfo.environment
    // The XDG specification: a path that is not absolute is ignored.
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return cache + "/randlora/digests" }
    if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.cache/randlora/digests" }
    return nil
  }

  /// The SHA-256 of a file, read only when no entry has its identity.
  ///
  /// - Throws: `Failure.missingInput` when it cannot be opened or is no file, `Failure.io` when it cannot be
  ///   read or changes while it is read.
  package func digest(ofFile path: String) throws(Failure) -> Digest { try entry(ofFile: path).digest }

  package func entry(ofFile path: String) throws(Failure) -> (digest: Digest, identity: FileIdentity) {
    if case .file(let identity) = try FileStatus(path, followingLinks: true), let digest = recall(identity) {
      return (digest, identity)
    }
    let start = now()
    let (digest, identity) = try Self.hash(path)
    if max(identity.modified, identity.changed) < start - Self.racyInterval { record(digest, for: identity) }
    return (digest, identity)
  }

  /// Reads and hashes a file, and makes sure that it stayed the same meanwhile.
  static func hash(_ path: String) throws(Failure) -> (digest: Digest, identity: FileIdentity) {
    let file = try OpenFile(reading: path)
    guard case .file(let before) = try FileStatus(descriptor: file.descriptor, path: path) else {
      throw Failure(.missingInput, "\(path) is not a file")
    }
    var hash = RunningHash()
    try file.readAll { hash.update($0) }
    guard case .file(let after) = try FileStatus(descriptor: file.descriptor, path: path), after == before
    else {
      throw Failure(.io, "\(path) changed while it was read", hint: "run again when nothing writes to it")
    }
    return (Digest(hash), before)
  }
}

// MARK: - The file

extension DigestMemo {
  private func recall(_ identity: FileIdentity) -> Digest? {
    let line = lines.withLock { lines in
      let loaded = lines ?? Witness.unseen(load)
      lines = loaded
      return loaded[identity.text]
    }
    let fields = line?.split(separator: " ") ?? []
    guard fields.count == 7, let digest = Digest(hex: String(fields[5])) else { return nil }
    return Self.line(identity, digest) == line ? digest : nil
  }

  private func record(_ digest: Digest, for identity: FileIdentity) {
    let line = Self.line(identity, digest)
    lines.withLock { lines in lines = (lines ?? Witness.unseen(load)).merging([identity.text: line]) { $1 } }
    Witness.unseen { write(line) }
  }

  private func write(_ line: String) {
    guard let file, (try? Files.makeDirectories(Files.parent(of: file))) != nil else { return }
    // One write adds the line whole; the line break before it ends what a killed writer may have left.
    try? OpenFile(appending: file).write(Array("\n\(line)\n".utf8))
  }

  private func load() -> [String: String] {
    guard let file, let bytes = try? Files.contents(of: file, limit: Int.max) else { return [:] }
    if bytes.count > Self.fileLimit { Files.remove(file) }
    var lines: [String: String] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let spaces = line.indices.filter { line[$0] == UInt8(ascii: " ") }
      guard spaces.count == 6 else { continue }
      lines[String(decoding: line[..<spaces[4]], as: UTF8.self)] = String(decoding: line, as: UTF8.self)
    }
    return lines
  }

  /// The fields of an entry, and at its end a checksum of them: a flipped bit must not become a wrong digest.
  private static func line(_ identity: FileIdentity, _ digest: Digest) -> String {
    let fields = "\(identity.text) \(digest)"
    return "\(fields) \(Digest.sha256(fields.utf8).hex.prefix(16))"
  }
}

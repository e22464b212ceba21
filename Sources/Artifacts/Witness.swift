import Glibc
import Synchronization

/// Remembers what a piece of work saw when it looked at the file system, so that somebody can find out later, with
/// one look at each file and without doing the work, that it would see the same.
///
/// `FileStatus` is the door through which everything is looked at before it is read; it tells the witness of the
/// task. The first look at a path counts: what changes after it makes the witness out of date, never wrong.
package final class Witness: Sendable {
  /// The witness of this task and those that it starts.
  @TaskLocal package static var current: Witness?

  private struct State {
    var looks: [String: FileStatus] = [:]
    var variables: [String: String] = [:]
  }

  private let state = Mutex(State())
  private let startedAt = DigestMemo.realTime()

  package init() {}

  /// Does what no answer depends on: disposable files, locks.
  package static func unseen<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
    // TaskLocal's own operation rethrows untyped errors.
    let result = $current.withValue(nil) { () -> Result<T, E> in
      do throws(E) { return .success(try body()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  func note(_ path: String, _ status: FileStatus) {
    state.withLock { state in
      guard let known = state.looks[path] else {
        state.looks[path] = status
        return
      }
      // A link was looked at by itself first, and then through: what it leads to counts too.
      if case .symbolicLink = known { state.looks[path] = status }
    }
  }

  /// An environment variable that the work depends on.
  package func note(variable name: String, _ value: String) {
    state.withLock { $0.variables[name] = value }
  }

  /// What to look at again; nil when it cannot be told whether it stays the same: a file that changed so short a time
  /// ago could change again without a new time stamp.
  package var testimony: Testimony? {
    state.withLock { state in
      let paths = state.looks.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      var identities: [UInt8] = []
      for path in paths {
        guard let status = state.looks[path], !path.utf8.contains(0),
          !status.isNewer(than: startedAt - DigestMemo.racyInterval)
        else { return nil }
        status.append(to: &identities)
      }
      return Testimony(paths: paths, identities: Digest.sha256(identities), variables: state.variables)
    }
  }
}

/// What a witness saw.
package struct Testimony: Sendable, Equatable {
  /// In the order of the digest.
  package let paths: [String]
  /// The SHA-256 over the identities of all paths.
  package let identities: Digest
  package let variables: [String: String]

  package init(paths: [String], identities: Digest, variables: [String: String]) {
    (self.paths, self.identities, self.variables) = (paths, identities, variables)
  }

  /// Whether everything still looks the same.
  package var holds: Bool {
    for (name, value) in variables {
      let now = unsafe getenv(name).map { unsafe String(cString: $0) } ?? ""
      guard now == value else { return false }
    }
    var identities: [UInt8] = []
    identities.reserveCapacity(paths.count * FileStatus.mostBytes)
    for path in paths {
      guard let status = try? FileStatus(path, followingLinks: true) else { return false }
      status.append(to: &identities)
    }
    return Digest.sha256(identities) == self.identities
  }
}

extension FileStatus {
  fileprivate static let mostBytes = 41

  fileprivate func append(to bytes: inout [UInt8]) {
    switch self {
    case .file(let identity):
      bytes.append(1)
      identity.append(to: &bytes)
    case .directory(let identity):
      bytes.append(2)
      identity.append(to: &bytes)
    case .symbolicLink: bytes.append(3)
    case .special: bytes.append(4)
    case .missing: bytes.append(5)
    }
  }

  fileprivate func isNewer(than time: Int) -> Bool {
    switch self {
    case .file(let identity), .directory(let identity): max(identity.modified, identity.changed) >= time
    case .symbolicLink, .special, .missing: false
    }
  }
}

extension FileIdentity {
  fileprivate func append(to bytes: inout [UInt8]) {
    for field in [device, inode, UInt64(bitPattern: Int64(size)), UInt64(bitPattern: Int64(modified)),
      UInt64(bitPattern: Int64(changed))]
    {
      for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: field >> UInt64(shift))) }
    }
  }
}

package import Failures
import Glibc

extension Files {
  /// Copies the content of a file to a new one, through symbolic links: the Hugging Face cache consists of them.
  ///
  /// - Returns: the SHA-256 of what was copied.
  /// - Throws: `Failure.missingInput` when the source cannot be opened, `Failure.io`.
  package static func copy(_ source: String, to path: String) throws(Failure) -> Digest {
    let input = try OpenFile(reading: source)
    let output = try OpenFile(creating: path)
    var hash = RunningHash()
    try input.readAll { bytes throws(Failure) in
      hash.update(bytes)
      try output.write(Array(bytes))
    }
    return Digest(hash)
  }

  /// Whether anything is at a path; a symbolic link counts as what it leads to.
  package static func exists(_ path: String) -> Bool {
    if case .missing? = try? FileStatus(path, followingLinks: true) { return false }
    return true
  }

  /// Whether a directory is at a path.
  package static func isDirectory(_ path: String) -> Bool {
    if case .directory? = try? FileStatus(path, followingLinks: true) { return true }
    return false
  }

  /// Whether this user may write to what is at a path.
  package static func isWritable(_ path: String) -> Bool { unsafe access(path, W_OK) == 0 }

  /// Sets the time of a file or directory to now, if it is older than so many seconds.
  package static func touch(_ path: String, ifOlderThan seconds: Int) {
    var status = stat()
    guard unsafe stat(path, &status) == 0, time(nil) - status.st_mtim.tv_sec > seconds else { return }
    _ = unsafe utimensat(AT_FDCWD, path, nil, 0)
  }

  /// The size of a file in bytes.
  package static func size(of path: String) throws(Failure) -> Int {
    switch try FileStatus(path, followingLinks: true) {
    case .file(let identity): return identity.size
    case .missing:
      throw Failure(.missingInput, "there is no file '\(path)'", hint: "check the path, and from where it is looked for")
    case .directory, .symbolicLink, .special: throw Failure(.missingInput, "'\(path)' is not a file")
    }
  }
}

package import Failures
import FoundationEssentials
import Glibc
package import JSON

/// Plain file operations with failures that name the path.
package enum Files {
  /// The whole content of a file.
  ///
  /// - Parameter limit: more bytes than any honest file of its sort has.
  /// - Throws: `Failure.missingInput` when it cannot be opened or is no file, `Failure.badData` beyond the limit.
  package static func contents(of path: String, limit: Int = 1 << 30) throws(Failure) -> [UInt8] {
    let file = try OpenFile(reading: path)
    guard case .file(let identity) = try FileStatus(descriptor: file.descriptor, path: path) else {
      throw Failure(.missingInput, "\(path) is not a file")
    }
    guard identity.size <= limit else {
      throw Failure(.badData, "\(path) has \(identity.size) bytes, more than the \(limit) that it may have")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(identity.size)
    try file.readAll { bytes += $0 }
    return bytes
  }

  /// Makes a directory and those above it, where they do not exist yet.
  /// - Returns: those that it made, from the outermost one on.
  @discardableResult package static func makeDirectories(_ path: String) throws(Failure) -> [String] {
    if path.isEmpty { return [] }
    if unsafe mkdir(path, 0o777) == 0 { return [path] }
    switch errno {
    case ENOENT:
      let made = try makeDirectories(parent(of: path))
      if unsafe mkdir(path, 0o777) == 0 { return made + [path] }
      if errno == EEXIST { return made }
    case EEXIST:
      if case .directory = try FileStatus(path, followingLinks: true) { return [] }
      throw Failure(.io, "cannot create the directory \(path): a file of that name exists")
    default: break
    }
    throw Failure(.io, "cannot create the directory \(path): \(errorText())")
  }

  /// Sees whether names can be made in a directory, or in the nearest one above it that exists.
  ///
  /// - Throws: `Failure.io` when a file stands in the way or writing is not allowed.
  package static func checkWritable(_ directory: String) throws(Failure) {
    switch try FileStatus(directory, followingLinks: true) {
    case .directory:
      guard unsafe access(directory, W_OK | X_OK) == 0 else {
        throw Failure(.io, "cannot write in the directory \(directory): \(errorText())")
      }
    case .missing where directory != parent(of: directory): try checkWritable(parent(of: directory))
    case .missing: throw Failure(.io, "the directory \(directory) does not exist")
    case .file, .symbolicLink, .special:
      throw Failure(.io, "cannot create the directory \(directory): a file of that name exists")
    }
  }

  /// The names in a directory, sorted by bytes.
  package static func names(in directory: String) throws(Failure) -> [String] {
    _ = try? FileStatus(directory, followingLinks: true)  // a name that comes or goes changes its identity
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
      throw Failure(.missingInput, "cannot read the directory \(directory)")
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Removes a file or a directory with everything in it, as far as it can: what stays is swept another time.
  package static func remove(_ path: String) {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// All files below a directory by their paths relative to it, sorted by bytes.
  ///
  /// - Parameters:
  ///   - followingLinks: whether symbolic links are looked through, as in the Hub's cache.
  ///   - known: what is left out, and not looked at.
  /// - Throws: `Failure.badData` at a pipe, socket or device, or a symbolic link that is not to be followed.
  package static func tree(
    _ directory: String, followingLinks: Bool = false, besides known: Set<ByteString> = []
  ) throws(Failure) -> [String] {
    var files: [String] = []
    var pending = [""]
    while let prefix = pending.popLast() {
      guard prefix.count(where: { $0 == "/" }) < 64 else {
        throw Failure(.badData, "\(directory): directories lie too deep, or links form a loop")
      }
      for name in try names(in: directory + "/" + prefix) {
        let path = prefix + name
        if known.contains(ByteString(path)) { continue }
        switch try FileStatus(directory + "/" + path, followingLinks: followingLinks) {
        case .file: files.append(path)
        case .directory: pending.append(path + "/")
        case .symbolicLink, .special:
          throw Failure(.badData, "\(directory)/\(path) is neither a file nor a directory")
        case .missing: throw Failure(.io, "\(directory)/\(path) vanished while the directory was read")
        }
      }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Waits until a file's or directory's content is on the disk.
  package static func sync(_ path: String) throws(Failure) {
    let file = try OpenFile(reading: path)
    guard fsync(file.descriptor) == 0 else { throw Failure(.io, "cannot sync \(path): \(errorText())") }
  }

  package static func rename(_ from: String, to: String) throws(Failure) {
    guard unsafe Glibc.rename(from, to) == 0 else {
      throw Failure(.io, "cannot rename \(from) to \(to): \(errorText())")
    }
  }

  /// The directory in which `path` lies: "." for a bare name.
  package static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The path from the root, with its symbolic links as they are.
  package static func absolute(_ path: String) throws(Failure) -> String {
    if path.hasPrefix("/") { return path }
    guard let buffer = unsafe getcwd(nil, 0) else {
      throw Failure(.io, "cannot tell the working directory: \(errorText())")
    }
    defer { unsafe free(buffer) }
    return unsafe String(cString: buffer) + "/" + path
  }

  /// Where a symbolic link at the end of the path leads to, through all others; the path itself when there is none.
  package static func followingLink(_ path: String) throws(Failure) -> String {
    guard case .symbolicLink = try FileStatus(path) else { return path }
    guard let target = unsafe realpath(path, nil) else {
      throw Failure(.io, "cannot follow the link \(path): \(errorText())")
    }
    defer { unsafe free(target) }
    return unsafe String(cString: target)
  }

  /// The path without slashes at its end, save that of the root.
  package static func withoutSlashes(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// The path, counted from a directory when it is relative.
  package static func path(_ path: String, in directory: String) -> String {
    path.hasPrefix("/") ? path : directory + "/" + path
  }

  package static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}

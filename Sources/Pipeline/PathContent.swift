import Artifacts
import Failures
import JSON

/// What lies at a path that a stage reads: a file, or a directory with everything in it.
///
/// Names that begin with a dot inside a directory do not count (version control, caches of downloads).
struct PathContent: Sendable {
  let path: String
  /// Of a file, its own; of a directory, that of the sorted list of its files' names and digests.
  let digest: Digest
  /// Of a directory of some hundreds of files at most, what each of them holds: to say later which one changed.
  private(set) var listing: [String: Digest] = [:]
  private let files: [FrozenFile]

  private static let listingLimit = 500

  /// - Parameter countsModes: whether it matters that a file may be executed.
  /// - Throws: `Failure.missingInput` when nothing is there, `Failure.badData` at pipes, devices and loops of links.
  init(_ path: String, countsModes: Bool = false, memo: DigestMemo) throws(Failure) {
    func content(_ file: String) throws(Failure) -> (digest: Digest, frozen: FrozenFile) {
      let (digest, identity) = try memo.entry(ofFile: file)
      let counts = countsModes && identity.isExecutable
      return (
        counts ? Digest.sha256("executable \(digest.hex)".utf8) : digest, FrozenFile(path: file, identity: identity))
    }
    self.path = path
    switch try FileStatus(path, followingLinks: true) {
    case .file:
      let file = try content(path)
      (digest, files) = (file.digest, [file.frozen])
    case .directory:
      var files: [FrozenFile] = []
      var list: [JSON] = []
      for name in try Self.files(below: path) {
        let file = try content(path + "/" + name)
        files.append(file.frozen)
        list.append([.string(name), .string(file.digest.hex)])
        if listing.count <= Self.listingLimit { listing[name] = file.digest }
      }
      if listing.count > Self.listingLimit { listing = [:] }
      self.files = files
      digest = Digest.sha256(try JSON.array(list).canonical)
    case .symbolicLink, .special: throw Failure(.badData, "\(path) is neither a file nor a directory")
    case .missing where path.contains(where: "*?[".contains):
      throw Failure(
        .missingInput, "there is no file or directory at \(path), and a pipeline takes no patterns",
        hint: "name the directory: all its files count, those that are added too; or list the files")
    case .missing: throw Failure(.missingInput, "there is no file or directory at \(path)")
    }
  }

  /// The files below a directory, links looked through, sorted by the bytes of their relative names.
  private static func files(below directory: String) throws(Failure) -> [String] {
    var files: [String] = []
    var pending = [(prefix: "", depth: 0)]
    while let (prefix, depth) = pending.popLast() {
      guard depth < 32, files.count < 1_000_000 else {
        throw Failure(.badData, "\(directory): too many files or directories, or a loop of links")
      }
      for name in try Files.names(in: directory + "/" + prefix) where !name.hasPrefix(".") {
        switch try FileStatus(directory + "/" + prefix + name, followingLinks: true) {
        case .file: files.append(prefix + name)
        case .directory: pending.append((prefix + name + "/", depth + 1))
        case .missing where name.contains("\u{FFFD}"):
          throw Failure(
            .badData, "\(directory)/\(prefix)\(name): the name of the file is not valid UTF-8", hint: "rename it")
        case .symbolicLink, .special, .missing:
          throw Failure(.badData, "\(directory)/\(prefix)\(name) is neither a file nor a directory")
        }
      }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Makes sure that nothing changed since the digest was taken.
  ///
  /// - Throws: `Failure.badData` naming the file that did.
  func requireUnchanged() throws(Failure) {
    for file in files { try file.requireUnchanged() }
    if case .directory = try FileStatus(path, followingLinks: true),
      try Self.files(below: path).count != files.count
    {
      throw FrozenFile.changed(path)
    }
  }
}

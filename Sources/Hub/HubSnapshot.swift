import Artifacts
package import Failures
import FoundationEssentials
import Glibc

/// One commit of a repository in the cache that all tools for the Hub share, with the files that were asked for.
///
///     models--ORG--NAME/blobs/CONTENT                a content, by the Hub's name for it
///                       snapshots/COMMIT/PATH        a link to it
///                       refs/REVISION                the commit that a branch or tag meant last
///
/// Layout: `huggingface_hub`, "Understand caching". Unlike there, what was downloaded counts only when its hash is right, and a
/// download that was cut off goes on where it was.
package struct HubSnapshot {
  /// Where the files lie.
  package let directory: String
  package let commit: String
  /// Sorted as the Hub lists them; nil when it was not asked.
  private let listing: [HubFile]?
  private let hub: HuggingFaceHub
  private let repository: HuggingFaceRepository
  private let cache: String

  /// Finds out which commit the revision means, and what is in it.
  ///
  /// - Throws: `Failure.missingInput` when there is no such repository or revision, `Failure.io` when the Hub cannot be reached.
  package init(of repository: HuggingFaceRepository, from hub: HuggingFaceHub) throws(Failure) {
    (self.hub, self.repository) = (hub, repository)
    cache = "\(hub.access.cache)/\(repository.kind.rawValue)s--" + repository.id.replacing("/", with: "--")
    if hub.access.isOffline {
      commit = try Self.known(repository, in: cache)
      listing = nil
    } else {
      commit = try hub.commit(of: repository)
      listing = try hub.listing(of: repository, at: commit)
    }
    directory = "\(cache)/snapshots/\(commit)"
  }

  /// Says that what was asked for of a commit has been fetched: other tools fetch parts.
  private static func mark(_ commit: String, in cache: String) -> String {
    "\(cache)/.randlora-fetched/\(commit)"
  }

  /// Holds the commit that the revision meant last.
  private static func ref(_ repository: HuggingFaceRepository, in cache: String) -> String {
    "\(cache)/refs/\(repository.revisionName)"
  }

  /// The commit that the revision meant last.
  private static func known(_ repository: HuggingFaceRepository, in cache: String) throws(Failure) -> String {
    let ref = ref(repository, in: cache)
    let named =
      try Files.exists(ref)
      ? String(decoding: Files.contents(of: ref, limit: 256), as: UTF8.self) : repository.revisionName
    if BlobName(named) != nil, Files.exists(mark(named, in: cache)) { return named }
    throw Failure(
      .missingInput,
      "'\(repository.description)' has not been fetched to '\(cache)' by this program, and HF_HUB_OFFLINE is set",
      hint: "unset it, or give the directory of a model that lies here")
  }

  /// Whether the repository has a file of that name, or, offline, the cache has.
  package func has(_ name: String) -> Bool {
    listing.map { $0.contains { $0.path.utf8.elementsEqual(name.utf8) } }
      ?? Files.exists("\(directory)/\(name)")
  }

  /// Sees to it that some files are there; those that the repository does not have are left out.
  ///
  /// - Parameter progress: told how many bytes are still to be fetched, and then how many came; fewer than none when they
  ///   have to be fetched again.
  /// - Throws: `Failure.badData` when what came is not what the Hub lists, `Failure.io`, `Failure.interrupted`.
  package func fetch(_ names: [String], progress: (_ total: Int) -> (Int) -> Void = { _ in { _ in } })
    throws(Failure)
  {
    let wanted = (listing ?? []).filter { file in names.contains { $0.utf8.elementsEqual(file.path.utf8) } }
    let missing = wanted.filter { !$0.isRight(at: blob($0)) }
    let received = progress(missing.reduce(0) { $0 + $1.size })
    for file in missing {
      let url = try hub.resolve(repository, at: commit, file.path)
      try HubDownload(file, to: blob(file), url: url, from: hub, repository)(received)
    }
    for file in wanted { try link(file) }
    try note()
  }

  private func blob(_ file: HubFile) -> String { "\(cache)/blobs/\(file.name.hex)" }

  private func link(_ file: HubFile) throws(Failure) {
    let path = "\(directory)/\(file.path)"
    let target = String(repeating: "../", count: 2 + file.path.count { $0 == "/" }) + "blobs/\(file.name.hex)"
    if (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == target { return }
    try Files.makeDirectories(Files.parent(of: path))
    // Renamed into its place, so that nobody who reads meanwhile finds nothing there.
    let link = "\(path).randlora-\(getpid())"
    Files.remove(link)
    guard unsafe symlink(target, link) == 0 else {
      throw Failure(.io, "cannot make the link \(link): \(errorText())")
    }
    try Files.rename(link, to: path)
  }

  /// Last of all, that it is there and what the revision means now.
  private func note() throws(Failure) {
    guard listing != nil else { return }
    let mark = Self.mark(commit, in: cache)
    try Files.makeDirectories(Files.parent(of: mark))
    if !Files.exists(mark) { try AtomicFile.write([], to: mark) }
    guard repository.revision != commit else { return }
    let ref = Self.ref(repository, in: cache)
    if (try? Files.contents(of: ref, limit: 256)) == Array(commit.utf8) { return }
    try Files.makeDirectories(Files.parent(of: ref))
    try AtomicFile.write(commit, to: ref)
  }
}

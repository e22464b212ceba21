import Artifacts
import Failures
import JSON

/// A file of a repository as the Hub lists it.
struct HubFile: Sendable {
  /// More than any has: the Hub's limit is 500 GB.
  static let largestSize = 1 << 48

  let path: String
  let name: BlobName
  let size: Int

  /// Whether a file of the cache is this one: other tools look at its size alone.
  func isRight(at place: String) -> Bool {
    guard (try? Files.size(of: place)) == size else { return false }
    let isNamed = try? name.names(place) { () throws(Failure) in try DigestMemo.standard.digest(ofFile: place) }
    return isNamed == true
  }
}

extension HuggingFaceHub {
  /// The commit that the repository's revision means now.
  func commit(of repository: HuggingFaceRepository) throws(Failure) -> String {
    let url = try api(repository, "/revision/\(URLText.escaped(repository.revisionName))")
    let commit = try json(try ask("GET", url), of: url, about: repository).field("sha")
    guard BlobName(try commit.string()) != nil else { throw commit.failure("this is no commit's name") }
    return try commit.string()
  }

  /// All files at a revision, page after page.
  ///
  /// - Throws: `Failure.badData` at a path that leads out of a directory, and at what is no name of a content.
  func listing(of repository: HuggingFaceRepository, at revision: String) throws(Failure) -> [HubFile] {
    var files: [HubFile] = [], paths: Set<ByteString> = []
    var next: URLText? = try api(repository, "/tree/\(URLText.escaped(revision))?recursive=true&expand=false")
    for _ in 0..<1000 {
      guard let url = next else { return files }
      let response = try ask("GET", url)
      for entry in try json(response, of: url, about: repository).elements()
      where try entry.field("type").string() == "file" {
        let file = try Self.file(entry)
        guard paths.insert(ByteString(file.path)).inserted else {
          throw entry.failure("'\(file.path)' is listed twice")
        }
        files.append(file)
      }
      next = try nextPage(response.headers["link"], after: url)
    }
    throw Failure(.badData, "the list of files of '\(repository.id)' does not end")
  }

  private static func file(_ entry: JSONCursor) throws(Failure) -> HubFile {
    let path = try entry.field("path")
    let parts = try path.string().split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { ["", ".", ".."].contains($0) }), try !path.string().contains("\\"),
      try path.string().utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
    else { throw path.failure("this is no path inside of a repository") }
    let large = try entry.optional("lfs")
    let name = try (large ?? entry).field("oid")
    guard let blob = BlobName(try name.string()) else { throw name.failure("this is no name of a content") }
    let size = try (large ?? entry).field("size").integer(in: 0...HubFile.largestSize)
    return HubFile(path: try path.string(), name: blob, size: size)
  }

  /// `Link: <URL>; rel="next"` (RFC 8288).
  private func nextPage(_ link: String?, after url: URLText) throws(Failure) -> URLText? {
    let links = link?.split(separator: ",").filter { $0.contains("rel=\"next\"") } ?? []
    guard let address = links.first?.split(separator: "<").last?.split(separator: ">").first else {
      return nil
    }
    let next = try given(String(address))
    guard next.origin == url.origin else {
      throw Failure(.badData, "the list of \(url.publicText) goes on at another place")
    }
    return next
  }
}

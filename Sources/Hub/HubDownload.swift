import Artifacts
import Failures

/// One file on its way into the cache. What has come lies beside its place and counts when its hash is right; a later
/// download goes on from its end.
struct HubDownload {
  private let file: HubFile
  private let path: String
  private let url: URLText
  private let hub: HuggingFaceHub
  private let repository: HuggingFaceRepository

  /// Times in a row that nothing more comes, and places that one address may lead to.
  private static let tries = 5, redirects = 5

  init(
    _ file: HubFile, to path: String, url: URLText, from hub: HuggingFaceHub,
    _ repository: HuggingFaceRepository
  ) {
    (self.file, self.path, self.url, self.hub, self.repository) = (file, path, url, hub, repository)
  }

  /// - Parameter received: told how many bytes came; fewer than none when they have to come again.
  /// - Throws: `Failure.badData` when the content is not what the Hub lists, `Failure.missingInput` when the Hub gives none,
  ///   `Failure.io`, `Failure.interrupted`.
  func callAsFunction(_ received: @escaping (Int) -> Void) throws(Failure) {
    try Files.makeDirectories(Files.parent(of: path))
    let part = try PartialFile(path + ".randlora-incomplete", of: file, received: received)
    while !part.tryLock() { try hub.client.sleep(0.5) }
    if file.isRight(at: path) {  // another process was faster
      part.remove()
      return received(file.size)
    }
    try part.restore()
    try fetch(part)
    guard try part.publish(as: path) else {
      throw Failure(
        .badData,
        "'\(file.path)' of '\(repository.id)' came damaged: its hash is not the one that the Hub lists",
        hint: "run the same command again; if it stays so, what lies between here and the Hub changes files")
    }
  }

  private func fetch(_ part: PartialFile) throws(Failure) {
    var failures = 0, most = part.size
    while !part.isWhole {
      let problem = try attempt(part)
      if part.isWhole { return }
      failures = part.size > most ? 1 : failures + 1
      most = max(most, part.size)
      guard failures < Self.tries else { throw hub.client.unreachable(HTTPRequest(url: url), problem) }
      try hub.client.sleep(Double(1 << failures) / 2)
    }
  }

  /// Asks for what is missing, wherever that leads, and takes what comes.
  /// - Returns: why no more came.
  private func attempt(_ part: PartialFile) throws(Failure) -> HTTPClient.Problem {
    var place = url
    for _ in 0...Self.redirects {
      var request = HTTPRequest(
        url: place, headers: hub.authorization(for: place) + [("Accept-Encoding", "identity")])
      if part.size > 0 { request.headers.append(("Range", "bytes=\(part.size)-")) }
      part.expectAnswer()
      let response: HTTPResponse
      do throws(HTTPClient.Problem) {
        response = try hub.client.once(request, receive: part.take)
      } catch {
        try hub.client.requireGoingOn()
        guard error.isTemporary else { throw hub.client.unreachable(request, error) }
        return error
      }
      if let failure = part.failure { throw failure }
      guard response.isRedirect, let location = response.headers["location"] else {
        return try end(response, place)
      }
      place = try place.following(location)
    }
    throw Failure(.io, "\(url.publicText) leads from place to place without an end")
  }

  private func end(_ response: HTTPResponse, _ place: URLText) throws(Failure) -> HTTPClient.Problem {
    if response.isSuccess { return .init(message: "the file ended early", isTemporary: true) }
    // A signed address may have grown too old meanwhile: asked again, the Hub gives a new one.
    guard response.isTemporary || place.origin != url.origin else {
      throw hub.refusal(response, of: place, about: repository)
    }
    return .init(message: "\(place.origin) answered \(response.status)", isTemporary: true)
  }
}

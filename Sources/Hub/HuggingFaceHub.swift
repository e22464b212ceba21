package import Failures
import JSON

/// A Hugging Face Hub: the requests that all others are made of.
///
/// Protocol: `huggingface_hub` 2.4 (`hf_api.py`, `_commit_api.py`, `lfs.py`, `utils/_http.py`) with `HF_HUB_DISABLE_XET`.
package struct HuggingFaceHub {
  let access: HubAccess
  let client: HTTPClient

  /// - Parameters:
  ///   - environment: the value of a variable.
  ///   - isStopped: whether to give up: asked a few times a second.
  /// - Throws: as `HubAccess` and `HTTPClient` do.
  package init(environment: (String) -> String?, isStopped: @escaping () -> Bool) throws(Failure) {
    access = try HubAccess(environment)
    client = try HTTPClient(environment: environment, isStopped: isStopped)
  }

  /// A URL of the Hub; the path's parts must be escaped already.
  func url(_ path: String) throws(Failure) -> URLText {
    try URLText(access.endpoint.text + path, from: access.endpoint.text)
  }

  /// A URL below `ORG/NAME` (or `datasets/…`, `spaces/…`), where people see the repository.
  func page(_ repository: HuggingFaceRepository, _ rest: String) throws(Failure) -> URLText {
    try url("/\(repository.kind.prefix)\(repository.id)\(rest)")
  }

  /// Where a file of a revision is.
  func resolve(_ repository: HuggingFaceRepository, at revision: String, _ path: String) throws(Failure) -> URLText {
    try page(repository, "/resolve/\(URLText.escaped(revision))/\(URLText.escaped(path, keeping: "/"))")
  }

  /// A URL below `api/models/ORG/NAME` (or `datasets`, `spaces`).
  func api(_ repository: HuggingFaceRepository, _ rest: String = "") throws(Failure) -> URLText {
    try url("/api/\(repository.kind.rawValue)s/\(repository.id)\(rest)")
  }

  /// A URL that the Hub gave out; of one that names huggingface.co, the endpoint counts (`fix_hf_endpoint_in_url`).
  func given(_ text: String) throws(Failure) -> URLText {
    let isHome = text.hasPrefix(HubAccess.home + "/")
    return try access.endpoint.following(
      isHome ? access.endpoint.text + text.dropFirst(HubAccess.home.utf8.count) : text)
  }

  /// The token, for the Hub's own origin alone.
  func authorization(for url: URLText) -> [(name: String, value: String)] {
    guard let token = access.token, url.origin == access.endpoint.origin else { return [] }
    return [("Authorization", "Bearer \(token)")]
  }

  /// Asks the Hub; the answer may be a refusal.
  func ask(
    _ method: String, _ url: URLText, json: JSON? = nil, type: String = "application/json"
  ) throws(Failure) -> HTTPResponse {
    try ask(method, url, body: try json.map { json throws(Failure) in try json.canonical }, type: type)
  }

  /// - Parameter isRepeatable: whether a lost answer is no reason not to ask again.
  func ask(
    _ method: String, _ url: URLText, body: [UInt8]?, type: String, isRepeatable: Bool = true
  ) throws(Failure) -> HTTPResponse {
    guard !access.isOffline else {
      throw Failure(
        .usage, "HF_HUB_OFFLINE is set, and \(url.publicText) would have to be asked", hint: "unset it")
    }
    var place = url
    for _ in 0..<5 {
      var request = HTTPRequest(method: method, url: place, headers: authorization(for: place))
      if let body {
        request.headers += [
          ("Content-Type", type), ("Accept", type == Self.lfsType ? type : "application/json"),
        ]
        request.body = .bytes(body)
      }
      let response = try isRepeatable ? client.send(request) : sendOnce(request)
      // A repository that was renamed answers under its old name so; 307 and 308 keep what was asked.
      guard method == "GET" ? response.isRedirect : [307, 308].contains(response.status),
        let location = response.headers["location"]
      else { return response }
      place = try place.following(location)
      guard place.origin == url.origin else {
        throw Failure(.badData, "\(url.publicText) leads to another place, \(place.origin)")
      }
    }
    throw Failure(.io, "\(url.publicText) leads from place to place without an end")
  }

  private func sendOnce(_ request: HTTPRequest) throws(Failure) -> HTTPResponse {
    do throws(HTTPClient.Problem) {
      return try client.once(request)
    } catch {
      try client.requireGoingOn()
      var failure = client.unreachable(request, error)
      failure.hint =
        "it may have been done all the same: run the same command again, which sends nothing twice"
      throw failure
    }
  }

  static let lfsType = "application/vnd.git-lfs+json"

  /// The answer's JSON.
  ///
  /// - Throws: what `refusal` makes of an answer that is none, `Failure.badData` when it is no JSON.
  func json(_ response: HTTPResponse, of url: URLText, about repository: HuggingFaceRepository)
    throws(Failure) -> JSONCursor
  {
    guard response.isSuccess else { throw refusal(response, of: url, about: repository) }
    return try JSONDocument(response.body, source: "the answer of \(url.publicText)").cursor
  }

  // MARK: - Refusals

  /// What a refusal means (`hf_raise_for_status`), with the server's own words where it has some.
  func refusal(_ response: HTTPResponse, of url: URLText, about repository: HuggingFaceRepository) -> Failure
  {
    let host = access.endpoint.text, name = repository.id
    let said = response.words
    let own = said.map { ": \($0)" } ?? ""
    switch (response.status, response.headers["x-error-code"]) {
    case (_, "GatedRepo"):
      return Failure(
        .missingInput, "\(host) gives '\(name)' only to those who were granted access\(own)",
        hint: "ask for it at \(host)/\(repository.kind.prefix)\(name), and set HF_TOKEN to your token")
    case (_, "RevisionNotFound"):
      return Failure(
        .missingInput, "'\(name)' on \(host) has no branch, tag or commit '\(repository.revisionName)'")
    case (_, "RepoNotFound"), (404, nil):
      return Failure(
        .missingInput, "\(host) has no \(repository.kind.rawValue) '\(name)', or the token may not see it",
        hint: access.token == nil
          ? "check the name; for one that is private, set HF_TOKEN"
          : "check the name, and whose token HF_TOKEN is")
    case (401, _), (403, _):
      let hint =
        access.token == nil
        ? "set HF_TOKEN to a token from \(host)/settings/tokens"
        : "see that HF_TOKEN is valid and may do this"
      return Failure(
        .missingInput, "\(host) refuses access to '\(name)' (\(response.status))\(own)", hint: hint)
    default:
      let request =
        (response.headers["x-request-id"] ?? response.headers["x-amzn-trace-id"]).map { " (request \($0))" }
        ?? ""
      return Failure(
        .io, "\(url.publicText) answered \(response.status)\(own)\(request)",
        hint: response.isTemporary ? "the Hub is busy or unwell: run the same command again later" : nil)
    }
  }
}

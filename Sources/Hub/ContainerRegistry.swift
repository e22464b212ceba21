package import Failures

/// One repository of a container registry: the requests that all others are made of.
///
/// Protocol: OCI Distribution specification 1.1.
package final class ContainerRegistry {
  package let reference: RegistryReference
  let client: HTTPClient
  private let login: RegistryLogin
  private let endpoint: URLText
  /// For the registry's own origin alone; asked for when the registry wants it.
  private var authorization: String?

  /// - Parameters:
  ///   - environment: the value of a variable.
  ///   - isStopped: whether to give up: asked a few times a second.
  /// - Throws: `Failure.internal` when libcurl cannot start.
  package init(
    _ reference: RegistryReference, environment: @escaping (String) -> String?,
    isStopped: @escaping () -> Bool
  ) throws(Failure) {
    self.reference = reference
    client = try HTTPClient(environment: environment, isStopped: isStopped)
    endpoint = try reference.endpoint
    login = RegistryLogin(reference: reference, endpoint: endpoint, client: client, environment: environment)
  }

  /// A URL below the repository; its characters must be escaped already.
  func url(_ path: String) throws(Failure) -> URLText {
    try URLText("\(endpoint.text)/v2/\(reference.repository)/\(path)", from: endpoint.text)
  }

  /// Asks the registry; the answer may be a refusal.
  ///
  /// - Throws: `Failure.io` when no answer comes, `Failure.interrupted`, and as `RegistryLogin` does.
  func ask(_ request: HTTPRequest) throws(Failure) -> HTTPResponse {
    try authorized(request) { request throws(Failure) in try client.send(request) }
  }

  /// Sends a file once, to the registry or where it led to.
  ///
  /// - Parameter sent: told how many bytes went out; fewer than none when they did in vain.
  /// - Returns: the answer, whatever its status, which is 0 when the connection was lost.
  /// - Throws: as `ask` does.
  func upload(_ request: HTTPRequest, sent: @escaping (Int) -> Void) throws(Failure) -> HTTPResponse {
    try authorized(request) { request throws(Failure) in
      do throws(HTTPClient.Problem) {
        return try client.once(request, sent: sent)
      } catch {
        try client.requireGoingOn()
        guard error.isTemporary else { throw client.unreachable(request, error) }
        return HTTPResponse()
      }
    }
  }

  /// Shows the registry who asks, once it wants to know. OCI: "clients MUST NOT forward Authorization across host boundaries".
  private func authorized(
    _ request: HTTPRequest, send: (HTTPRequest) throws(Failure) -> HTTPResponse
  ) throws(Failure) -> HTTPResponse {
    guard owns(request.url) else { return try send(request) }
    let response = try send(request.adding(authorization))
    guard response.status == 401, let answer = try login.answer(to: response) else { return response }
    authorization = answer
    return try send(request.adding(answer))
  }

  /// Whether a URL is one of the registry's own.
  func owns(_ url: URLText) -> Bool { url.origin == endpoint.origin }

  /// What a refusal means, with the server's own words where it has some.
  func refusal(_ response: HTTPResponse, of url: URLText) -> Failure {
    let own = response.ownWords
    let host = reference.authority
    switch response.status {
    case 401, 403:
      return Failure(
        .missingInput, "\(host) refuses access to '\(reference.repository)' (\(response.status))\(own)",
        hint: login.hint)
    case 404:
      return Failure(
        .missingInput, "\(host) has no repository '\(reference.repository)'\(own)", hint: "check the name")
    default:
      return Failure(
        .io, "\(url.publicText) answered \(response.status)\(own)",
        hint: response.isTemporary ? "the registry is busy or unwell: run the same command again later" : nil)
    }
  }
}

extension HTTPRequest {
  fileprivate func adding(_ authorization: String?) -> HTTPRequest {
    guard let authorization else { return self }
    var request = self
    request.headers.append(("Authorization", authorization))
    return request
  }
}

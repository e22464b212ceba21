package import Failures
import JSON

/// One repository of a container registry: the requests that all others are made of.
///
/// Protocol: OCI Distribution specification 1.1, with the Distribution project's token authentication.
package final class ContainerRegistry {
  package let reference: RegistryReference
  let client: HTTPClient
  private let environment: (String) -> String?
  private let endpoint: URLText
  /// For the registry's own origin alone; asked for when the registry wants it.
  private var authorization: String?
  private var isKnown = false

  /// - Parameters:
  ///   - environment: the value of a variable.
  ///   - isStopped: whether to give up: asked a few times a second.
  package init(
    _ reference: RegistryReference, environment: @escaping (String) -> String?, isStopped: @escaping () -> Bool
  ) throws(Failure) {
    self.reference = reference
    self.environment = environment
    let certificates = ["SSL_CERT_FILE", "CURL_CA_BUNDLE"].compactMap(environment).first { !$0.isEmpty }
    client = try HTTPClient(certificates: certificates, isStopped: isStopped)
    endpoint = try reference.endpoint
  }

  /// A URL below the repository; its characters must be escaped already.
  func url(_ path: String) throws(Failure) -> URLText {
    try URLText("\(endpoint.text)/v2/\(reference.repository)/\(path)", from: endpoint.text)
  }

  /// Asks the registry, or where it led to; the answer may be a refusal.
  ///
  /// - Parameter sent: told how many bytes of the body went out; fewer than none when they have to be sent again.
  func ask(_ request: HTTPRequest, sent: @escaping (Int) -> Void = { _ in }) throws(Failure) -> HTTPResponse {
    var count = 0
    func send() throws(Failure) -> HTTPResponse {
      var request = request
      // OCI: "clients MUST NOT forward Authorization across host boundaries".
      if let authorization, request.url.origin == endpoint.origin {
        request.headers.append(("Authorization", authorization))
      }
      return try client.send(request) {
        count += $0
        sent($0)
      }
    }
    let response = try send()
    guard response.status == 401, request.url.origin == endpoint.origin,
      let challenge = response.headers["www-authenticate"].flatMap(RegistryChallenge.init),
      let answer = try answer(to: challenge)
    else { return response }
    authorization = answer
    sent(-count)
    return try send()
  }

  // MARK: - Who asks

  /// What to show the registry; nil when there is nothing to show.
  private func answer(to challenge: RegistryChallenge) throws(Failure) -> String? {
    let credentials = try RegistryCredentials.find(for: reference, environment)
    isKnown = credentials != nil
    switch challenge.scheme {
    case .basic: return credentials.map { "Basic " + $0.basic }
    case .bearer: return "Bearer " + (try token(challenge, credentials))
    }
  }

  private func token(_ challenge: RegistryChallenge, _ credentials: RegistryCredentials?) throws(Failure) -> String {
    guard let realm = challenge.parameters["realm"] else {
      throw Failure(.badData, "\(endpoint.text) does not say where tokens are to be had")
    }
    var query: [String] = []
    if let service = challenge.parameters["service"] { query.append("service=" + URLText.escaped(service)) }
    let scope = challenge.parameters["scope"] ?? "repository:\(reference.repository):pull,push"
    query.append("scope=" + URLText.escaped(scope, keeping: ":/,"))
    let place = "where \(endpoint.text) has its tokens"
    let url = try URLText(realm, from: place).adding(query: query.joined(separator: "&"))
    let headers = credentials.map { [("Authorization", "Basic " + $0.basic)] } ?? []
    let response = try client.send(HTTPRequest(url: url, headers: headers))
    guard response.isSuccess else { throw refusal(response, of: url) }
    let answer = try JSONDocument(response.body, source: "the answer of \(url.publicText)").cursor
    let token = if let token = try answer.optional("token") { try token.string() } else { try answer.field("access_token").string() }
    guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw answer.failure("the token has characters that no token has")
    }
    return token
  }

  // MARK: - Refusals

  /// What a refusal means, with the server's own words where it has some.
  func refusal(_ response: HTTPResponse, of url: URLText) -> Failure {
    let own = response.words.map { ": \($0)" } ?? ""
    let host = reference.authority
    switch response.status {
    case 401, 403:
      return Failure(
        .missingInput, "\(host) refuses access to '\(reference.repository)' (\(response.status))\(own)",
        hint: isKnown
          ? "see that the account that is logged in may push there" : "log in first: docker, oras or skopeo login \(host)")
    case 404:
      return Failure(.missingInput, "\(host) has no repository '\(reference.repository)'\(own)", hint: "check the name")
    default:
      return Failure(
        .io, "\(url.publicText) answered \(response.status)\(own)",
        hint: response.isTemporary ? "the registry is busy or unwell: run the same command again later" : nil)
    }
  }
}

import Failures
import JSON

/// What a registry is shown of who asks: a name and password, or a token that another server gives for them (the
/// Distribution project's token authentication).
struct RegistryLogin {
  let reference: RegistryReference
  let endpoint: URLText
  let client: HTTPClient
  /// The value of a variable.
  let environment: (String) -> String?

  /// What may help against a refusal.
  var hint: String {
    (try? credentials()) == nil
      ? "log in first: docker, oras or skopeo login \(reference.authority)"
      : "see that the login for \(reference.authority) is valid and may push there"
  }

  /// What `Authorization` is to say; nil when there is nothing to show, or the registry offers no way that is known here.
  ///
  /// - Throws: `Failure.badData` when what the registry says makes no sense, `Failure.missingInput` when no token is given,
  ///   and as `RegistryCredentials.find` and `HTTPClient.send` do.
  func answer(to response: HTTPResponse) throws(Failure) -> String? {
    let offers = RegistryChallenge.all(in: response.headers["www-authenticate"] ?? "")
    if let offer = offers.first(where: { $0.scheme == "bearer" }) { return "Bearer " + (try token(offer)) }
    guard offers.contains(where: { $0.scheme == "basic" }) else { return nil }
    return try credentials().map { "Basic " + $0.basic }
  }

  private func credentials() throws(Failure) -> RegistryCredentials? {
    try RegistryCredentials.find(for: reference, environment)
  }

  private func token(_ offer: RegistryChallenge) throws(Failure) -> String {
    guard let realm = offer.parameters["realm"] else {
      throw Failure(.badData, "\(endpoint.text) does not say where tokens are to be had")
    }
    // Not the scope that is offered: to look is the first that is wanted, and a token for that alone may be refused for a
    // repository that is still to be made.
    var query = "scope=" + URLText.escaped("repository:\(reference.repository):pull,push", keeping: ":/,")
    if let service = offer.parameters["service"] { query += "&service=" + URLText.escaped(service) }
    let url = try endpoint.following(realm).adding(query: query)
    let headers = try credentials().map { [("Authorization", "Basic " + $0.basic)] } ?? []
    let response = try client.send(HTTPRequest(url: url, headers: headers))
    guard response.isSuccess else {
      throw Failure(
        response.isTemporary ? .io : .missingInput,
        "\(url.publicText) gives no token for '\(reference.repository)' (\(response.status))\(response.ownWords)",
        hint: hint)
    }
    let answer = try JSONDocument(response.body, source: "the answer of \(url.publicText)").cursor
    let token =
      if let token = try answer.optional("token") { try token.string() } else {
        try answer.field("access_token").string()
      }
    guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw answer.failure("the token has characters that no token has")
    }
    return token
  }
}

import Artifacts
package import Failures
import FoundationEssentials

/// One prefix in a bucket of an object store: the requests that all others are made of.
///
/// Protocol: Amazon S3's REST API, as other stores speak it too; requests are signed (AWS Signature Version 4).
package final class ObjectStore {
  private let bucket, prefix: String
  private let client: HTTPClient
  private let access: ObjectStoreAccess
  private var region: String

  /// - Parameters:
  ///   - environment: the value of a variable.
  ///   - isStopped: whether to give up: asked a few times a second.
  /// - Throws: `Failure.internal` when libcurl cannot start, `Failure.usage` when what is set for object stores makes no
  ///   sense, `Failure.missingInput` when nobody has logged in.
  package init(
    bucket: String, prefix: String, environment: (String) -> String?, isStopped: @escaping () -> Bool
  ) throws(Failure) {
    (self.bucket, self.prefix) = (bucket, prefix)
    access = try ObjectStoreAccess(environment)
    region = access.region
    client = try HTTPClient(environment: environment, isStopped: isStopped)
  }

  /// An object's name in the bucket.
  func key(_ file: String) -> String { prefix + "/" + file }

  /// An object's name as people write it.
  func name(_ file: String) -> String { "s3://\(bucket)/\(key(file))" }

  /// Asks for or sends one object; the answer may be a refusal.
  ///
  /// - Parameters:
  ///   - file: relative to the prefix.
  ///   - content: sent, with its size and SHA-256.
  ///   - sent: told how many bytes went out; fewer than none when they did in vain.
  /// - Throws: `Failure.io` when no answer comes, `Failure.interrupted`.
  func ask(
    _ method: String, _ file: String, headers: [(name: String, value: String)] = [], content: OutgoingFile? = nil,
    sent: @escaping (Int) -> Void = { _ in }
  ) throws(Failure) -> HTTPResponse {
    func send() throws(Failure) -> HTTPResponse {
      var request = HTTPRequest(method: method, url: try url(file), headers: headers)
      if let content {
        request.body = .file(path: content.path, 0..<content.bytes)
        request.isAnsweredLate = true
      }
      // What is signed with the rest, so that nobody on the way sends anything else in its place.
      request.headers.append(("x-amz-content-sha256", (content?.sha256 ?? Digest.sha256([])).hex))
      if let token = access.sessionToken { request.headers.append(("x-amz-security-token", token)) }
      request.signature = RequestSignature(key: access.key, secret: access.secret, region: region)
      return try client.send(request, sent: sent)
    }
    let response = try send()
    guard !response.isSuccess, let actual = response.headers["x-amz-bucket-region"] ?? response.element("Region"),
      actual != region, ObjectStoreAccess.isRegion(actual)
    else { return response }
    region = actual
    return try send()
  }

  /// Amazon's buckets are hosts, unless a dot in their names keeps certificates from matching; others' are directories.
  private func url(_ file: String) throws(Failure) -> URLText {
    let path = URLText.escaped(key(file), keeping: "/")
    if let endpoint = access.endpoint {
      return try URLText("\(endpoint.text)/\(bucket)/\(path)", from: endpoint.text)
    }
    let host = "s3.\(region).amazonaws.com" + (region.hasPrefix("cn-") ? ".cn" : "")
    let text = bucket.contains(".") ? "https://\(host)/\(bucket)/\(path)" : "https://\(bucket).\(host)/\(path)"
    return try URLText(text, from: text)
  }

  /// What a refusal means, with the server's own words where it has some.
  func refusal(_ response: HTTPResponse, of file: String) -> Failure {
    let login = ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"].contains(response.code)
    switch response.status {
    case _ where login, 401, 403:
      let hint =
        switch response.code {
        case _ where login: "log in again"
        case "RequestTimeTooSkewed": "set this machine's clock"
        default:
          "the access key must be valid and may do there: s3:GetObject, s3:PutObject, s3:ListBucket (and s3:DeleteObject for --replace)"
        }
      return Failure(
        .missingInput, "the object store refuses access to \(name(file)) (\(response.status))\(response.ownWords)", hint: hint)
    case 404:
      return Failure(
        .missingInput, "there is no bucket '\(bucket)'\(response.ownWords)", hint: "make it first, or check the name and the region")
    default:
      return Failure(
        .io, "the object store answered \(response.status) for \(name(file))\(response.ownWords)",
        hint: response.isTemporary ? "it is busy or unwell: run the same command again later" : nil)
    }
  }
}

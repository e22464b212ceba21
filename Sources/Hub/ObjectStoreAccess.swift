import Artifacts
import Failures

/// Which object store is asked, and as whom: what the environment and the files of Amazon's own tools say.
///
/// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files" and "Environment variables".
struct ObjectStoreAccess: Sendable {
  /// `$AWS_ENDPOINT_URL_S3`, `$AWS_ENDPOINT_URL` or the profile's; nil: Amazon's own.
  let endpoint: URLText?
  /// `$AWS_REGION`, `$AWS_DEFAULT_REGION` or the profile's, else us-east-1.
  let region: String
  /// They get into no message.
  let key, secret: String
  /// Of a login for some hours.
  let sessionToken: String?

  /// - Throws: `Failure.usage` when what is set makes no sense, `Failure.missingInput` when nobody has logged in,
  ///   `Failure.io` when a file cannot be read.
  init(_ variable: (String) -> String?) throws(Failure) {
    let home = variable("HOME") ?? "."
    func value(_ name: String) -> String? { setting(name, variable) }
    let profile = value("AWS_PROFILE") ?? "default"
    let kept = value("AWS_SHARED_CREDENTIALS_FILE") ?? home + "/.aws/credentials"
    let logins = try Self.settings(of: [profile], in: kept)
    let configured = try Self.settings(
      of: profile == "default" ? [profile, "profile default"] : ["profile " + profile],
      in: value("AWS_CONFIG_FILE") ?? home + "/.aws/config")
    let place = value("AWS_ENDPOINT_URL_S3") ?? value("AWS_ENDPOINT_URL")
    if place == nil, let services = configured["services"] {
      throw Failure(
        .usage, "the profile '\(profile)' names its services elsewhere ('services = \(services)'), which is not read here",
        hint: "set AWS_ENDPOINT_URL to the object store that is meant")
    }
    endpoint = try (place ?? configured["endpoint_url"]).map { text throws(Failure) in
      try URLText(
        endpoint: text, named: "the object store's endpoint", hint: "see AWS_ENDPOINT_URL; leave it out for Amazon S3")
    }
    let region = value("AWS_REGION") ?? value("AWS_DEFAULT_REGION") ?? configured["region"] ?? "us-east-1"
    guard Self.isRegion(region) else {
      throw Failure(.usage, "'\(region)' is no region of an object store", hint: "see AWS_REGION")
    }
    self.region = region
    let given = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"))
    guard (given.0 == nil) == (given.1 == nil) else {
      throw Failure(.usage, "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set", hint: "set both, or neither")
    }
    let file = logins.merging(configured) { first, _ in first }
    guard let key = given.0 ?? file["aws_access_key_id"], let secret = given.1 ?? file["aws_secret_access_key"] else {
      throw Self.nobody(profile, kept, isElsewhere: !file.isEmpty)
    }
    (self.key, self.secret) = (key, secret)
    sessionToken = given.0 == nil ? file["aws_session_token"] : value("AWS_SESSION_TOKEN")
    let all = [key, secret] + (sessionToken.map { [$0] } ?? [])
    guard all.allSatisfy({ $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }), !key.contains(":") else {
      throw Failure(
        .usage, "the access key for the object store has characters that no key has", hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY anew")
    }
  }

  /// Whether a text can be a region's name, which becomes a part of URLs.
  static func isRegion(_ text: String) -> Bool {
    (1...40).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
  }

  private static func nobody(_ profile: String, _ path: String, isElsewhere: Bool) -> Failure {
    isElsewhere
      ? Failure(
        .usage, "the profile '\(profile)' keeps no access key, and other ways to log in are not used here",
        hint: "eval \"$(aws configure export-credentials --profile \(profile) --format env)\", then run the same command again")
      : Failure(
        .missingInput, "there is no login for the object store: no AWS_ACCESS_KEY_ID, and no profile '\(profile)' in \(path)",
        hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws configure'")
  }

  /// What stands in the sections of some names; what is indented belongs to a setting of its own.
  private static func settings(of sections: [String], in path: String) throws(Failure) -> [String: String] {
    guard Files.exists(path) else { return [:] }
    var found: [String: String] = [:], isWanted = false
    for line in String(decoding: try Files.contents(of: path, limit: 1 << 20), as: UTF8.self).split(whereSeparator: \.isNewline) {
      if line.hasPrefix("[") {
        isWanted = sections.contains(line.dropFirst().prefix { $0 != "]" }.trimmed.replacing("\"", with: ""))
      } else if isWanted, line.first?.isWhitespace == false, !"#;".contains(line.prefix(1)),
        let equals = line.firstIndex(of: "=")
      {
        found[line[..<equals].trimmed.lowercased()] = line[line.index(after: equals)...].trimmed
      }
    }
    return found.filter { !$0.value.isEmpty }
  }
}

import Artifacts
import Failures
import FoundationEssentials
import Glibc
import JSON

/// Who asks a registry: what `docker login`, `oras login`, `skopeo login` and `podman login` keep.
struct RegistryCredentials: Sendable, Equatable {
  /// `user:password` in base64, as `Authorization: Basic` wants it; it gets into no message.
  let basic: String

  /// The first that is found for a repository in the files that logins are kept in (containers-auth.json(5)).
  ///
  /// - Returns: nil when nobody has logged in.
  /// - Throws: `Failure.badData` when a file makes no sense, `Failure.usage` when it is no password that was kept.
  static func find(
    for reference: RegistryReference, _ variable: (String) -> String?
  ) throws(Failure) -> RegistryCredentials? {
    var helper: String?
    for path in paths(variable) where Files.exists(path) {
      let file = try JSONDocument(try Files.contents(of: path, limit: 1 << 20), source: path).cursor
      if let own = try entry(of: reference, in: file.optional("credHelpers")) {
        throw kept(by: try own.string(), for: reference)
      }
      if let found = try entry(of: reference, in: file.optional("auths")).flatMap({ entry throws(Failure) in
        try RegistryCredentials(entry, for: reference)
      }) {
        return found
      }
      if helper == nil { helper = try file.optional("credsStore")?.string() }
    }
    if let helper { throw kept(by: helper, for: reference) }
    return nil
  }

  /// `$REGISTRY_AUTH_FILE`, or podman's and skopeo's files and docker's.
  private static func paths(_ variable: (String) -> String?) -> [String] {
    func value(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    if let path = value("REGISTRY_AUTH_FILE") { return [path] }
    let home = value("HOME") ?? "."
    return [
      value("XDG_RUNTIME_DIR").map { $0 + "/containers/auth.json" }
        ?? "/run/containers/\(getuid())/auth.json",
      (value("XDG_CONFIG_HOME") ?? home + "/.config") + "/containers/auth.json",
      (value("DOCKER_CONFIG") ?? home + "/.docker") + "/config.json",
    ]
  }

  /// Nil for an entry that says only that the password is elsewhere.
  private init?(_ entry: JSONCursor, for reference: RegistryReference) throws(Failure) {
    let again = "log in to \(reference.authority) with a password or an access token"
    if let token = try entry.optional("identitytoken"), try !token.string().isEmpty {
      throw token.failure("an identity token is not used here", hint: again)
    }
    guard let auth = try entry.optional("auth"), try !auth.string().isEmpty else { return nil }
    basic = try auth.string()
    guard let pair = Data(base64Encoded: basic), pair.contains(UInt8(ascii: ":")) else {
      throw auth.failure("this is no user and password in base64", hint: again)
    }
  }

  private static func kept(by helper: String, for reference: RegistryReference) -> Failure {
    Failure(
      .usage, "the password for \(reference.authority) is kept by the helper '\(helper)', which is not asked",
      hint:
        "log in with 'skopeo login --authfile FILE \(reference.authority)', and set REGISTRY_AUTH_FILE to that file"
    )
  }

  /// The narrowest entry that counts for a repository.
  private static func entry(of reference: RegistryReference, in table: JSONCursor?) throws(Failure)
    -> JSONCursor?
  {
    let entries = try table?.members() ?? []
    for name in names(of: reference) {
      if let entry = entries.first(where: { plain($0.key) == name }) { return entry.cursor }
    }
    return nil
  }

  /// Whom a login may be for, the narrowest first: `HOST/a/b`, `HOST/a`, `HOST`.
  private static func names(of reference: RegistryReference) -> [String] {
    let parts = reference.repository.split(separator: "/")
    let host = reference.authority
    let inside = (1...max(1, parts.count)).reversed().map {
      host + "/" + parts.prefix($0).joined(separator: "/")
    }
    return inside + [host] + (reference.host == RegistryReference.dockerHub ? ["index.docker.io"] : [])
  }

  /// Without the scheme, and the version of the protocol, that older clients wrote down.
  private static func plain(_ key: String) -> String {
    guard let scheme = ["https://", "http://"].first(where: key.hasPrefix) else { return key }
    return String(key.dropFirst(scheme.count).prefix { $0 != "/" })
  }
}

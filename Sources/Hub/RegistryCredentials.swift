import Artifacts
import Failures
import FoundationEssentials
import JSON

/// Who asks a registry: what `docker login`, `oras login`, `skopeo login` and `podman login` keep.
struct RegistryCredentials: Sendable, Equatable {
  /// `user:password` in base64, as `Authorization: Basic` wants it; it gets into no message.
  let basic: String

  private init(basic: String) { self.basic = basic }

  /// The first that is found for a repository, in `$REGISTRY_AUTH_FILE`, else in `$XDG_RUNTIME_DIR/containers/auth.json`, then
  /// in `$DOCKER_CONFIG/config.json` (`~/.docker`) (containers-auth.json(5)).
  ///
  /// - Returns: nil when nobody has logged in.
  /// - Throws: `Failure.badData` when a file makes no sense, `Failure.usage` when a helper keeps the password.
  static func find(
    for reference: RegistryReference, _ variable: (String) -> String?
  ) throws(Failure) -> RegistryCredentials? {
    for path in paths(variable) where Files.exists(path) {
      let document = try JSONDocument(try Files.contents(of: path, limit: 1 << 20), source: path)
      if let found = try find(for: reference, in: document.cursor) { return found }
    }
    return nil
  }

  private static func paths(_ variable: (String) -> String?) -> [String] {
    func value(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    if let path = value("REGISTRY_AUTH_FILE") { return [path] }
    let docker = value("DOCKER_CONFIG") ?? (value("HOME") ?? ".") + "/.docker"
    return [value("XDG_RUNTIME_DIR").map { $0 + "/containers/auth.json" }, docker + "/config.json"].compactMap { $0 }
  }

  private static func find(
    for reference: RegistryReference, in file: JSONCursor
  ) throws(Failure) -> RegistryCredentials? {
    let names = names(of: reference)
    let entries = try file.optional("auths")?.members() ?? []
    for name in names {
      guard let entry = entries.first(where: { plain($0.key) == name })?.cursor,
        let auth = try entry.optional("auth"), try !auth.string().isEmpty
      else { continue }
      let text = try auth.string()
      guard let pair = Data(base64Encoded: text), pair.contains(UInt8(ascii: ":")) else {
        throw auth.failure("this is no user and password in base64", hint: "log in to \(reference.authority) anew")
      }
      return RegistryCredentials(basic: text)
    }
    // What stands in `auths` without a password is in the store of all.
    let own = try file.optional("credHelpers")?.members().first { names.contains(plain($0.key)) }
    let store = entries.contains { names.contains(plain($0.key)) } ? try file.optional("credsStore") : nil
    let helper = try (own?.cursor ?? store)?.string()
    guard let helper else { return nil }
    throw Failure(
      .usage, "the password for \(reference.authority) is kept by the helper '\(helper)', which is not asked",
      hint: "log in with 'skopeo login --authfile FILE \(reference.authority)', and set REGISTRY_AUTH_FILE to that file")
  }

  /// Whom a login may be for, the narrowest first: `HOST/a/b`, `HOST/a`, `HOST`.
  private static func names(of reference: RegistryReference) -> [String] {
    let parts = reference.repository.split(separator: "/")
    let host = reference.authority
    let inside = (1...max(1, parts.count)).reversed().map { host + "/" + parts.prefix($0).joined(separator: "/") }
    return inside + [host] + (reference.host == RegistryReference.dockerHub ? ["index.docker.io"] : [])
  }

  /// Without the scheme, and the version of the protocol, that older clients wrote down.
  private static func plain(_ key: String) -> String {
    var text = Substring(key)
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    for version in ["/", "/v1", "/v2"] where text.hasSuffix(version) { text = text.dropLast(version.count) }
    return String(text)
  }
}

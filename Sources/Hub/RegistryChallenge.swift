/// What a registry wants to be shown, as `WWW-Authenticate` says it: `Bearer realm="https://…",service="…",scope="…"` or
/// `Basic realm="…"` (RFC 9110 §11.6.1, and the token protocol of the Distribution project).
struct RegistryChallenge: Equatable {
  enum Scheme: Equatable {
    case basic, bearer
  }

  let scheme: Scheme
  /// By names in lower case.
  let parameters: [String: String]

  /// Nil when it is of another scheme or makes no sense.
  init?(_ header: String) {
    var rest = Substring(header).drop { $0 == " " }
    switch rest.prefix(while: { $0 != " " }).lowercased() {
    case "basic": scheme = .basic
    case "bearer": scheme = .bearer
    default: return nil
    }
    rest = rest.drop { $0 != " " }
    var parameters: [String: String] = [:]
    while true {
      rest = rest.drop { $0 == " " || $0 == "," }
      if rest.isEmpty { break }
      let name = rest.prefix { $0 != "=" && $0 != "," }
      rest = rest.dropFirst(name.count)
      guard rest.first == "=", !name.isEmpty else { return nil }
      rest = rest.dropFirst()
      guard let value = rest.first == "\"" ? Self.quoted(&rest) : Self.token(&rest) else { return nil }
      parameters[name.lowercased()] = value
    }
    self.parameters = parameters
  }

  private static func token(_ rest: inout Substring) -> String? {
    let value = rest.prefix { $0 != "," && $0 != " " }
    rest = rest.dropFirst(value.count)
    return value.isEmpty ? nil : String(value)
  }

  /// A value in quotes, in which a backslash stands before what is meant as it is.
  private static func quoted(_ rest: inout Substring) -> String? {
    var value = ""
    rest = rest.dropFirst()
    while let next = rest.popFirst() {
      if next == "\"" { return value }
      guard let meant = next == "\\" ? rest.popFirst() : next else { break }
      value.append(meant)
    }
    return nil
  }
}

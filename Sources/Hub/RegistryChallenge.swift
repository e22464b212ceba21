/// A way in which a registry may be shown who asks, as `WWW-Authenticate` says it: `Bearer realm="https://…",service="…"` or
/// `Basic realm="…"` (RFC 9110 §11.6.1).
struct RegistryChallenge: Equatable {
  /// In lower case.
  let scheme: String
  /// By names in lower case.
  var parameters: [String: String] = [:]

  /// All that a header offers, as far as it makes sense.
  static func all(in header: String) -> [RegistryChallenge] {
    var found: [RegistryChallenge] = []
    var rest = Substring(header)
    while true {
      rest = rest.drop { $0 == " " || $0 == "," }
      let word = rest.prefix { !" ,=".contains($0) }
      guard !word.isEmpty else { return found }
      rest = rest.dropFirst(word.count)
      guard let equals = rest.first(where: { $0 != " " }), equals == "=", !found.isEmpty else {
        found.append(RegistryChallenge(scheme: word.lowercased()))
        continue
      }
      rest = rest.drop { $0 == " " }.dropFirst().drop { $0 == " " }
      guard let value = rest.first == "\"" ? quoted(&rest) : token(&rest) else { return found }
      found[found.count - 1].parameters[word.lowercased()] = value
    }
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

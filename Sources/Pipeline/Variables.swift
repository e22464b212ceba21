import Failures

/// The variables of a pipeline file, for `${name}` in its values. `$$` is a dollar sign, and a name may itself hold
/// variables: `${matrix.rank.${matrix.method}-alpha}`.
struct Variables: Sendable {
  private(set) var values: [(name: String, value: String)] = []
  /// Names that will be defined, but are not yet.
  var later: Set<String> = []

  init() {}

  var names: [String] { values.map(\.name) }

  subscript(name: String) -> String? { values.last { $0.name.utf8.elementsEqual(name.utf8) }?.value }

  mutating func define(_ name: String, _ value: String) { values.append((name, value)) }

  /// The text of a value with its variables filled in.
  ///
  /// - Throws: `Failure.badData` at the value's place when a variable is unknown or a brace is missing.
  func text(of cursor: YAMLCursor) throws(Failure) -> String {
    try filled(Substring(try cursor.text()), at: cursor)
  }

  private func filled(_ text: Substring, at cursor: YAMLCursor) throws(Failure) -> String {
    var rest = text
    var result = ""
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      if rest.hasPrefix("$") {
        result += "$"
        rest = rest.dropFirst()
      } else if rest.hasPrefix("{") {
        guard let end = Self.end(of: rest) else { throw cursor.failure("'${' without its '}'") }
        result += try value(of: filled(rest[..<end].dropFirst(), at: cursor), at: cursor)
        rest = rest[rest.index(after: end)...]
      } else {
        result += "$"
      }
    }
    return result + rest
  }

  /// Where the brace that opens the text is closed.
  private static func end(of text: Substring) -> Substring.Index? {
    var depth = 0
    for index in text.indices {
      if text[index] == "{" { depth += 1 }
      if text[index] == "}" { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  private func value(of name: String, at cursor: YAMLCursor) throws(Failure) -> String {
    if let value = self[name] { return value }
    if later.contains(name) {
      throw cursor.failure(
        "the variable '\(name)' has no value yet", hint: "a variable may use those that are declared above it")
    }
    throw cursor.failure(
      "unknown variable '\(name)'",
      hint: Suggestion.nearest(to: name, among: names).map { "did you mean '\($0)'?" }
        ?? "declare it under 'variables:', or leave it to the shell: $${\(name)}")
  }
}

/// What a variable is set to: nil when to nothing; `~/` in front is the home directory.
func setting(_ name: String, _ variable: (String) -> String?) -> String? {
  guard let text = variable(name), !text.isEmpty else { return nil }
  return text.hasPrefix("~/") ? (variable("HOME") ?? ".") + text.dropFirst() : text
}

extension StringProtocol {
  /// Without white space around it, as the line break that files and secrets end with.
  var trimmed: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}

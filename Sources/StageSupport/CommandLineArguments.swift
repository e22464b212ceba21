/// The words of a command line, before they are parsed.
package enum CommandLineArguments {
  /// Spells long flags with hyphens: the reference example and pipelines write `--base_model`, the help `--base-model`.
  /// A negative number belongs to the flag before it: the parser would take `-1` in `--seed -1` for a flag.
  ///
  /// Values (`--flag=a_b`, and everything after a bare `--`) stay as they are.
  package static func normalized(_ arguments: [String]) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    var words: [String] = []
    for word in arguments[..<end].map(normalizedFlag) {
      if word.hasPrefix("-"), Double(word) != nil, let flag = words.last, flag.hasPrefix("--"), !flag.contains("=") {
        words[words.count - 1] += "=" + word
      } else {
        words.append(word)
      }
    }
    return words + arguments[end...]
  }

  /// The first long flag that is not among the known names (without dashes), or nil.
  static func unknownFlag(_ arguments: [String], known: Set<String>) -> String? {
    arguments.prefix { $0 != "--" }.filter { $0.hasPrefix("--") }
      .map { String($0.prefix { $0 != "=" }) }
      .first { !known.contains(String($0.dropFirst(2))) }
  }

  private static func normalizedFlag(_ argument: String) -> String {
    guard argument.hasPrefix("--") else { return argument }
    let flagEnd = argument.firstIndex(of: "=") ?? argument.endIndex
    return argument[..<flagEnd].map { $0 == "_" ? "-" : String($0) }.joined() + argument[flagEnd...]
  }
}

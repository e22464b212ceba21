package import Failures

/// The words of a command line, before they are parsed.
package enum CommandLineArguments {
  /// Those of this process, without its name.
  ///
  /// - Throws: `Failure.usage` at one that is not UTF-8: with other bytes in the place of its own it would name another
  ///   file.
  package static func own() throws(Failure) -> [String] {
    var words: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let bytes = unsafe CommandLine.unsafeArgv[index] else { break }
      guard let word = unsafe String(validatingCString: bytes) else {
        throw Failure(
          .usage, "the argument '\(unsafe String(cString: bytes))' is not valid UTF-8",
          hint: "rename the file, or go to its directory by another name")
      }
      words.append(word)
    }
    return words
  }

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

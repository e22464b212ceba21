import ArgumentParser
import Failures

/// `--set name=value`.
struct ParameterSettings: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Give a variable of the pipeline, or a parameter of a stage (STAGE.PARAMETER), another value; may be repeated.",
      valueName: "name=value"))
  var settings: [String] = []

  /// - Throws: `Failure.usage` for a setting without '='.
  func values() throws(Failure) -> [(name: String, value: String)] {
    var values: [(name: String, value: String)] = []
    for setting in settings {
      guard let equals = setting.firstIndex(of: "="), equals > setting.startIndex else {
        throw Failure(.usage, "--set \(setting): expected NAME=VALUE")
      }
      values.append((String(setting[..<equals]), String(setting[setting.index(after: equals)...])))
    }
    return values
  }
}

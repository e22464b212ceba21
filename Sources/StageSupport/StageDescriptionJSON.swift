import ArgumentParser
import Artifacts
package import Failures
package import JSON

extension StageCommand {
  /// What `--describe` prints. Types and defaults come from the declarations of the options themselves.
  ///
  /// - Throws: `Failure.internal` when an option has no row in the table of parameters, or a row no option.
  package static func description() throws(Failure) -> JSON {
    let kinds = optionKinds.filter { option in !stage.inputs.contains { $0.role == option.name } }
    let rows = stage.parameters
    if let name = Set(kinds.map(\.name)).symmetricDifference(rows.map(\.name)).sorted().first {
      throw Failure(
        .internal, "\(stage.name): '\(name)' must be an option and a row of the table of parameters")
    }
    let defaults = try optionDefaults()
    let parameters = rows.map { row -> JSON in
      let kind = row.kind ?? kinds.first { $0.name == row.name }?.kind ?? .string
      return [
        "name": .string(row.name), "type": .string(kind.rawValue),
        "default": value(defaults[row.name], of: kind), "class": .string(row.influence.rawValue),
      ]
    }
    var description: JSONObject = [
      "name": .string(stage.name), "revision": .integer(stage.revision),
      "inputs": .array(stage.inputs.map(\.json)),
      "output": stage.output.map { .string($0.rawValue) } ?? .null,
      "parameters": .array(parameters), "checks": true,
    ]
    if stage.segmented { description["segmented"] = true }
    return .object(description)
  }

  /// The options as ArgumentParser's own help has them.
  private static func documentedOptions() throws(Failure) -> [(names: [String], defaultValue: String?)] {
    let help = try JSONDocument(_dumpHelp(), source: "help of \(stage.name)").cursor
    var options: [(names: [String], defaultValue: String?)] = []
    for argument in try help.field("command").field("arguments").elements() {
      var names: [String] = []
      for name in try argument.optional("names")?.elements() ?? [] {
        names.append(try name.field("name").string())
      }
      options.append((names, try argument.optional("defaultValue")?.string()))
    }
    return options
  }

  /// The defaults as the help has them, by flag.
  private static func optionDefaults() throws(Failure) -> [String: String] {
    var defaults: [String: String] = [:]
    for option in try documentedOptions() {
      for name in option.names { defaults[name] = option.defaultValue }
    }
    return defaults
  }

  /// All names that flags may have, without dashes.
  static func longNames() throws(Failure) -> Set<String> {
    let parsersOwn = ["help", "help-hidden", "generate-completion-script", "experimental-dump-help"]
    return Set(try documentedOptions().flatMap(\.names) + parsersOwn)
  }

  /// A default as JSON; nil is null, but a flag that is not given is false.
  private static func value(_ text: String?, of kind: StageParameter.Kind) -> JSON {
    switch kind {
    case .boolean: .bool(text.map { $0 == "true" || ($0.hasPrefix("--") && !$0.hasPrefix("--no-")) } ?? false)
    case .integer: text.flatMap { Int($0) }.map { .integer($0) } ?? .null
    case .number: text.flatMap { Double($0) }.map { .number($0) } ?? .null
    case .string, .path, .model, .list: text.map { .string($0) } ?? .null
    }
  }
}

extension StageInput {
  fileprivate var json: JSON {
    var json: JSONObject = [
      "role": .string(role), "kinds": .array(kinds.map { .string($0.rawValue) }), "required": .bool(required),
    ]
    if repeats { json["repeats"] = true }
    return .object(json)
  }
}

extension StageCommand {
  /// The options whose values are not their defaults, by flag. The command must have been parsed.
  package func changedOptions() throws(Failure) -> [String] {
    let values = optionValues
    let defaults = try Self.description()["parameters"]?.arrayValue ?? []
    return values.filter { name, value in
      let row = defaults.first { $0["name"]?.stringValue == name }
      return value != row?["default"] ?? .null
    }.map(\.name)
  }
}

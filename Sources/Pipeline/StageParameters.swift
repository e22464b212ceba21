import Artifacts
import Failures
import JSON

/// The parameters of one stage, checked against what its program says it takes, with defaults filled in.
struct StageParameters: Sendable {
  /// Parameters of segmented stages that are for the runner and not for the program.
  static let runnerNames = ["save-step", "eval-step"]

  /// Parameters of segmented stages that say what one call is to do.
  private static let callNames = ["steps", "plan", "influences"]

  /// Every parameter that was given, by flag, in the program's order.
  private(set) var given: [(parameter: StageInterface.Parameter, value: JSON)] = []
  private let interface: StageInterface
  /// States are kept every so many steps; nil for the last one only.
  private(set) var saveStep: Int?
  /// States are evaluated every so many steps.
  private(set) var evaluationStep: Int?

  /// - Throws: `Failure.badData` at the place of what the program does not take: an unknown name, a word of
  ///   another type.
  init(
    _ arguments: [StageDeclaration.Argument], of interface: StageInterface, directory: String
  ) throws(Failure) {
    self.interface = interface
    for argument in arguments {
      if interface.segmented, Self.runnerNames.contains(argument.name) {
        try read(runnerArgument: argument)
        continue
      }
      if interface.segmented, Self.callNames.contains(argument.name) {
        throw argument.nameCursor.failure(
          "'\(argument.name)' is decided by the runner",
          hint: "give max-steps or num-epochs, and save-step for its pieces")
      }
      guard let parameter = interface.parameter(argument.name) else {
        throw Self.unknown(argument, in: interface)
      }
      guard let value = try argument.value(as: parameter.kind, directory: directory) else { continue }
      given.append((parameter, value))
    }
    let order = interface.parameters.map(\.name)
    given.sort {
      (order.firstIndex(of: $0.parameter.name) ?? 0) < (order.firstIndex(of: $1.parameter.name) ?? 0)
    }
  }

  private mutating func read(runnerArgument argument: StageDeclaration.Argument) throws(Failure) {
    guard let value = try argument.value(as: .integer, directory: "")?.integerValue else { return }
    guard value > 0 else {
      throw argument.cursor.failure("'\(argument.name)' must be at least 1, found \(value)")
    }
    if argument.name == "save-step" { saveStep = value } else { evaluationStep = value }
  }

  private static func unknown(_ argument: StageDeclaration.Argument, in interface: StageInterface) -> Failure
  {
    if interface.inputs.contains(where: { $0.role == argument.name }) {
      return argument.nameCursor.failure(
        "'\(argument.name)' is an input of \(interface.name)", hint: "write it beside 'with', naming a stage")
    }
    let names = interface.parameters.map(\.name) + (interface.segmented ? runnerNames : [])
    return argument.nameCursor.failure(
      "\(interface.name) has no parameter '\(argument.name)'",
      hint: Suggestion.hint(for: argument.name, among: names, calling: "parameters"))
  }

  // MARK: - What they mean

  /// With the places of files that other stages make: `{from: clean, path: rows.jsonl}` becomes a path.
  ///
  /// - Parameter directory: where the output of a stage lies.
  func resolved(_ directory: (_ stage: String) throws(Failure) -> String) throws(Failure) -> StageParameters {
    var resolved = self
    for (index, entry) in given.enumerated() {
      guard let words = entry.value.arrayValue else { continue }
      var paths: [JSON] = []
      for word in words {
        if let stage = word["from"]?.stringValue, let path = word["path"]?.stringValue {
          paths.append(.string(try directory(stage) + (path.isEmpty ? "" : "/" + path)))
        } else {
          paths.append(word)
        }
      }
      resolved.given[index].value = .array(paths)
    }
    return resolved
  }

  /// Whether a path among them is known only when another stage is made.
  var hasOpenPaths: Bool {
    given.contains { entry in (entry.value.arrayValue ?? []).contains { $0["from"] != nil } }
  }

  /// The files and directories whose content counts.
  var paths: [(name: String, path: String)] {
    given.filter { $0.parameter.influence != .never }.flatMap { entry in
      (entry.parameter.paths(in: entry.value) ?? []).map { (entry.parameter.name, $0) }
    }
  }

  /// The variables that say which server is meant by a model's name, `hf://` and `s3://`.
  var endpointVariables: [String] {
    given.flatMap { entry -> [String] in
      let text = entry.value.stringValue ?? ""
      if text.hasPrefix("s3://") { return ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CONFIG_FILE"] }
      return text.hasPrefix("hf://") || entry.parameter.kind == .model && !text.isEmpty ? ["HF_ENDPOINT"] : []
    }
  }

  /// What affects the result, save paths, but with the names of models on the Hub: defaults are filled in, and what has
  /// no value is left out, so that neither writing a default down nor a new parameter without one changes a key.
  var influential: JSONObject {
    var object = JSONObject()
    for parameter in interface.parameters where parameter.influence != .never {
      if interface.segmented, Self.callNames.contains(parameter.name) { continue }
      let value = given.first { $0.parameter.name == parameter.name }?.value ?? parameter.defaultValue
      if !value.isNull, parameter.paths(in: value) == nil { object[parameter.name] = value }
    }
    return object
  }

  /// The flags that say the same on a command line.
  func flags(threads: Int?) -> [String] {
    var flags = given.flatMap { Self.flags($0.parameter, $0.value) }
    if let threads, interface.parameter("threads") != nil,
      !given.contains(where: { $0.parameter.name == "threads" })
    {
      flags += ["--threads", "\(threads)"]
    }
    return flags
  }

  private static func flags(_ parameter: StageInterface.Parameter, _ value: JSON) -> [String] {
    switch value {
    case .bool(let isOn):
      if isOn == (parameter.defaultValue.boolValue ?? false) { return [] }
      return [isOn ? "--\(parameter.name)" : "--no-\(parameter.name)"]
    case .array(let words):
      // Paths may have commas in them.
      if let paths = parameter.paths(in: value) { return paths.map { "--\(parameter.name)=\($0)" } }
      return ["--\(parameter.name)=" + words.map { $0.stringValue ?? "" }.joined(separator: ",")]
    case .string(let text): return ["--\(parameter.name)=\(text)"]
    default: return ["--\(parameter.name)=\(value.text(indent: 0))"]
    }
  }
}

extension StageInterface.Parameter {
  /// The paths that a value names; nil when it is something else.
  fileprivate func paths(in value: JSON) -> [String]? {
    guard kind == .path || kind == .model else { return nil }
    return value.arrayValue?.map { $0.stringValue ?? "" }
  }
}

extension StageDeclaration.Argument {
  /// The words as a value of the kind; nil when none is given.
  fileprivate func value(
    as kind: StageInterface.Parameter.Kind, directory: String
  ) throws(Failure) -> JSON? {
    if words.isEmpty && !isList { return nil }
    if kind == .model, words.count == 1, case .text(let name) = words[0], try isOnHub(name, from: directory) {
      return .string(name)
    }
    if kind == .path || kind == .model { return .array(words.map { $0.place(in: directory) }) }
    let words = try words.map { word throws(Failure) in try word.text(of: name) }
    switch kind {
    case .list:
      let parts = words.flatMap { isList ? [$0] : $0.split(separator: ",").map(String.init) }
      return .array(parts.map { .string($0) })
    case .path, .model, .integer, .number, .string, .boolean: break
    }
    guard words.count == 1, !isList else { throw cursor.failure("'\(name)' takes one value, found a list") }
    let word = words[0]
    switch kind {
    case .integer: if let value = Int(word) { return .integer(value) }
    case .number: if let value = Double(word), value.isFinite { return .number(value) }
    case .boolean: if ["true", "false"].contains(word) { return .bool(word == "true") }
    default: return .string(word)
    }
    let wanted = kind == .integer ? "an integer" : kind == .number ? "a number" : "true or false"
    throw cursor.failure("'\(name)' must be \(wanted), found '\(word)'")
  }

  /// Whether a text can only be the name of a model on the Hub, `ORG/NAME` or `ORG/NAME@REVISION`: nothing of that name is
  /// here, not even its first directory.
  private func isOnHub(_ name: String, from directory: String) throws(Failure) -> Bool {
    let parts = name.prefix { $0 != "@" }.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let owner = parts.first, !owner.isEmpty, !owner.hasPrefix("."),
      parts.allSatisfy({ $0.utf8.allSatisfy { $0.isNameByte || $0 == UInt8(ascii: ".") } }), !parts[1].isEmpty,
      case .missing = try FileStatus(Files.path(String(owner), in: directory), followingLinks: true)
    else { return false }
    return true
  }
}

extension StageDeclaration.Word {
  /// A path, or what becomes one once the stage that it names is made.
  fileprivate func place(in directory: String) -> JSON {
    switch self {
    case .text(let path): .string(Files.path(path, in: directory))
    case .output(let stage, let path, _): ["from": .string(stage), "path": .string(path)]
    }
  }

  /// - Throws: `Failure.badData` when it is the place of a file.
  fileprivate func text(of parameter: String) throws(Failure) -> String {
    switch self {
    case .text(let text): return text
    case .output(_, _, let cursor):
      throw cursor.failure("'\(parameter)' takes no file, so none can come from another stage")
    }
  }
}

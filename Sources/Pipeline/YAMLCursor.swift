package import Failures
import FoundationEssentials
import Yams

/// A value in a pipeline file, read with checked types: every error names file, line and column.
package struct YAMLCursor: Sendable {
  /// The file as errors name it.
  let file: String
  let line: Int
  let column: Int
  let content: Content

  indirect enum Content: Sendable {
    case text(String)
    /// An empty value or `~`.
    case null
    case sequence([YAMLCursor])
    case mapping([(key: YAMLCursor, value: YAMLCursor)])
  }

  /// Parses a YAML text.
  ///
  /// - Throws: `Failure.badData` naming file, line and column of what is no YAML, of a key that appears twice, and of
  ///   values so deep or (through aliases) so many that no person wrote them.
  package init(yaml: String, file: String) throws(Failure) {
    guard yaml.utf8.count <= 1 << 20 else {
      throw Failure(.badData, "\(file): the pipeline file is larger than 1 MiB")
    }
    let node: Node?
    do {
      node = try compose(yaml: yaml)
    } catch {
      throw Self.failure(error, yaml: yaml, file: file)
    }
    guard let node else { throw Failure(.badData, "\(file): the pipeline file is empty") }
    var budget = 100_000
    try self.init(node, file: file, depth: 0, budget: &budget)
  }

  /// A text that stands in no file.
  init(text: String, file: String) {
    (self.file, line, column, content) = (file, 1, 1, .text(text))
  }

  private init(_ node: Node, file: String, depth: Int, budget: inout Int) throws(Failure) {
    self.file = file
    (line, column) = (node.mark?.line ?? 1, node.mark?.column ?? 1)
    budget -= 1
    guard depth <= 32, budget > 0 else {
      throw Failure(.badData, "\(file):\(line):\(column): the file nests too deep or repeats too many values")
    }
    switch node {
    case .scalar(let scalar):
      let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
      content = isNull ? .null : .text(scalar.string)
    case .sequence(let sequence):
      var elements: [YAMLCursor] = []
      for element in sequence {
        elements.append(try Self(element, file: file, depth: depth + 1, budget: &budget))
      }
      content = .sequence(elements)
    case .mapping(let mapping):
      var members: [(key: YAMLCursor, value: YAMLCursor)] = []
      for (key, value) in mapping {
        let key = try Self(key, file: file, depth: depth + 1, budget: &budget)
        if case .text("<<") = key.content {
          throw key.failure(
            "'<<' merges nothing here", hint: "give what several stages share under 'defaults' or 'variables'")
        }
        members.append((key, try Self(value, file: file, depth: depth + 1, budget: &budget)))
      }
      content = .mapping(members)
    case .alias:
      throw Failure(.badData, "\(file):\(line):\(column): an alias without its anchor")
    }
  }

  private static func failure(_ error: any Error, yaml: String, file: String) -> Failure {
    let place: (mark: Mark, problem: String)? =
      switch error {
      case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
        YamlError.composer(_, let problem, let mark, _):
        (mark, problem)
      case YamlError.duplicatedKeysInMapping(let keys, let context):
        (context.mark, "the key \(keys.sorted().map { "'\($0)'" }.joined(separator: ", ")) appears twice")
      default: nil
      }
    guard let (mark, problem) = place else {
      return Failure(.badData, "\(file): not valid YAML: \(error)")
    }
    let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
    let text = lines.indices.contains(mark.line - 1) ? String(lines[mark.line - 1]) : ""
    let hint = text.contains("${") ? "inside { } a variable must stand in quotes: \"${name}\"" : nil
    return Failure(.badData, "\(file):\(mark.line):\(mark.column): not valid YAML: \(problem)", hint: hint)
  }

  /// A failure about this value: "pipeline.yaml:3:19: …".
  package func failure(_ message: String, hint: String? = nil) -> Failure {
    Failure(.badData, "\(file):\(line):\(column): \(message)", hint: hint)
  }

  var typeName: String {
    switch content {
    case .text: "a single value"
    case .null: "nothing"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  var isNull: Bool { if case .null = content { true } else { false } }

  func text() throws(Failure) -> String {
    guard case .text(let text) = content else { throw failure("expected a single value, found \(typeName)") }
    return text
  }

  typealias Members = [(key: String, keyCursor: YAMLCursor, value: YAMLCursor)]

  func members() throws(Failure) -> Members {
    if isNull { return [] }
    guard case .mapping(let members) = content else {
      throw failure("expected a mapping (key: value), found \(typeName)")
    }
    var result: Members = []
    for (key, value) in members { result.append((try key.text(), key, value)) }
    return result
  }

  /// The elements of a list, or the one value as a list of itself.
  func elements(allowingMappings: Bool = false) throws(Failure) -> [YAMLCursor] {
    switch content {
    case .sequence(let elements): elements
    case .text: [self]
    case .null: []
    case .mapping:
      if allowingMappings { [self] } else { throw failure("expected a list, found \(typeName)") }
    }
  }
}

import Artifacts
import Failures

/// One file of a pipeline: its top-level keys, and the files that it includes.
struct PipelineSource {
  private static let keys = ["description", "include", "variables", "defaults", "stages"]

  let path: String
  let variables: YAMLCursor.Members
  /// Parameters by program, for all stages of this file.
  let defaults: YAMLCursor.Members
  let stages: YAMLCursor?
  fileprivate let includes: [YAMLCursor]

  /// The directory from which the file's relative paths count.
  var directory: String { Files.parent(of: path) }

  fileprivate init(yaml: String, path: String) throws(Failure) {
    self.path = path
    let root = try YAMLCursor(yaml: yaml, file: path)
    let members = try root.members()
    for member in members where !Self.keys.contains(member.key) {
      throw member.keyCursor.failure(
        "unknown key '\(member.key)'",
        hint: Suggestion.hint(for: member.key, among: Self.keys, calling: "known keys"))
    }
    func value(_ key: String) -> YAMLCursor? { members.first { $0.key == key }?.value }
    variables = try value("variables")?.members() ?? []
    defaults = try value("defaults")?.members() ?? []
    includes = try value("include")?.elements() ?? []
    stages = value("stages")
    guard stages != nil || !includes.isEmpty else { throw root.failure("the key 'stages' is missing") }
  }

  /// Reads a pipeline file and all that it includes, each once: the file itself first.
  ///
  /// - Throws: `Failure.badData` where a file includes itself, directly or through others.
  static func load(yaml: String, path: String) throws(Failure) -> [PipelineSource] {
    var sources: [PipelineSource] = []
    try load(yaml: yaml, path: path, including: [], into: &sources)
    return sources
  }

  private static func load(
    yaml: String, path: String, including chain: [String], into sources: inout [PipelineSource]
  ) throws(Failure) {
    let source = try PipelineSource(yaml: yaml, path: path)
    sources.append(source)
    let chain = chain + [try plain(path)]
    for include in source.includes {
      let name = try include.text()
      let included = name.hasPrefix("/") || source.directory == "." ? name : source.directory + "/" + name
      let place = try plain(included)
      if chain.contains(place) { throw include.failure("the file includes itself through '\(name)'") }
      guard chain.count < 32 else { throw include.failure("files that include each other too deep") }
      var isKnown = false
      for other in sources where try plain(other.path) == place { isKnown = true }
      if !isKnown { try load(yaml: try read(included, for: include), path: included, including: chain, into: &sources) }
    }
  }

  private static func read(_ path: String, for cursor: YAMLCursor) throws(Failure) -> String {
    do {
      return try text(of: path)
    } catch {
      throw Failure(error.kind, cursor.failure(error.message).message, hint: error.hint)
    }
  }

  static func text(of path: String) throws(Failure) -> String {
    guard let text = String(validating: try Files.contents(of: path, limit: 1 << 20), as: UTF8.self) else {
      throw Failure(.badData, "\(path): not valid UTF-8")
    }
    return text
  }

  /// The absolute path without '.' and '..', so that one file has one name.
  static func plain(_ path: String) throws(Failure) -> String {
    var parts: [Substring] = []
    for part in try Files.absolute(path).split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}

import Failures

/// A stage as one entry of a file, before matrices are multiplied out and variables filled in.
struct StageEntry {
  /// The keys of a stage; every other key is the role of an input.
  static let keys =
    [
      "stage", "command", "inputs", "outputs", "with", "matrix", "when", "environment", "evaluate", "export",
      "description",
    ] + StageResources.keys

  let name: String
  let cursor: YAMLCursor
  let members: YAMLCursor.Members
  /// The directory of its file.
  let directory: String
  /// Parameters by program that its file gives to all stages.
  let defaults: YAMLCursor.Members
  /// The entries that it reads.
  let references: [String]
  /// Parameters that were set from outside, over those of the file.
  var settings: YAMLCursor.Members = []

  init(
    name: String, cursor: YAMLCursor, value: YAMLCursor, in source: PipelineSource, directory: String,
    among names: Set<String>
  ) throws(Failure) {
    guard !name.isEmpty, name.utf8.allSatisfy(\.isNameByte) else {
      throw cursor.failure("'\(name)' is no name for a stage: letters, digits, '_' and '-' only")
    }
    (self.name, self.cursor, members) = (name, cursor, try value.members())
    (self.directory, defaults) = (directory, source.defaults)
    references = try Self.references(of: members, among: names)
  }

  subscript(key: String) -> YAMLCursor? { members.first { $0.key == key }?.value }

  /// The names of the stages that are read: inputs, and the places that parameters take files from.
  private static func references(
    of members: YAMLCursor.Members, among names: Set<String>
  ) throws(Failure) -> [String] {
    var found: [String] = []
    for (key, keyCursor, value) in members {
      if key == "evaluate", case .mapping = value.content {
        found += try references(of: value.members(), among: names)
      } else if key == "with" {
        for reference in try StageScope.fileReferences(in: value) {
          found.append(try named(reference, among: names))
        }
      } else if !keys.contains(key), !value.isNull {
        for element in try value.elements(allowingMappings: true) {
          guard case .text(let name) = element.content, !name.contains("/") else { continue }
          if !names.contains(name), Suggestion.nearest(to: name, among: Array(names)) == nil,
            let meant = Suggestion.nearest(to: key, among: keys)
          {
            throw keyCursor.failure("unknown key '\(key)'", hint: "did you mean '\(meant)'?")
          }
          found.append(try named(element, among: names))
        }
      }
    }
    return found
  }

  private static func named(_ cursor: YAMLCursor, among names: Set<String>) throws(Failure) -> String {
    let name = try cursor.text()
    guard names.contains(name) else {
      throw cursor.failure(
        "there is no stage '\(name)'",
        hint: Suggestion.hint(for: name, among: names.sorted(), calling: "stages"))
    }
    return name
  }

  // MARK: - Order

  /// The entries, each behind those that it reads; in the given order where that leaves a choice.
  static func ordered(_ entries: [StageEntry]) throws(Failure) -> [StageEntry] {
    var order: [StageEntry] = []
    var done = Set<String>()
    var waiting = entries
    while !waiting.isEmpty {
      var stuck: [StageEntry] = []
      for entry in waiting {
        if entry.references.allSatisfy(done.contains) {
          done.insert(entry.name)
          order.append(entry)
        } else {
          stuck.append(entry)
        }
      }
      guard stuck.count < waiting.count else { throw cycle(stuck) }
      waiting = stuck
    }
    return order
  }

  private static func cycle(_ stuck: [StageEntry]) -> Failure {
    var path: [StageEntry] = []
    var next: StageEntry? = stuck[0]
    while let entry = next, !path.contains(where: { $0.name == entry.name }) {
      path.append(entry)
      next = stuck.first { entry.references.contains($0.name) }
    }
    guard let again = next else { return stuck[0].cursor.failure("the stage needs itself") }
    let loop = path.drop { $0.name != again.name }.map(\.name) + [again.name]
    return again.cursor.failure("the stage '\(again.name)' needs itself: \(loop.joined(separator: " ← "))")
  }
}

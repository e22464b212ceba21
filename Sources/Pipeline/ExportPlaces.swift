import Artifacts
import Failures

/// Where the stages of a pipeline put copies outside of the store (`export`, and `to: dir:…` or `file:…`): no two at
/// one place, and none inside of another, or each run would undo what the other stage did.
enum ExportPlaces {
  private struct Owner {
    let stage: String
    let path: String
  }

  /// - Throws: `Failure.badData` at the second of two that are in each other's way.
  static func check(_ stages: [StageDeclaration]) throws(Failure) {
    var owners: [[Substring]: Owner] = [:]  // by the parts of the absolute path
    var places: [(parts: [Substring], owner: Owner, cursor: YAMLCursor)] = []
    for stage in stages {
      for (path, cursor) in stage.exports {
        let place = try PipelineSource.plain(Files.path(path, in: stage.directory))
        let parts = place.split(separator: "/")
        let owner = Owner(stage: stage.name, path: path)
        if let other = owners.updateValue(owner, forKey: parts) {
          throw conflict(owner, "to the same place as '\(other.stage)'", cursor)
        }
        places.append((parts, owner, cursor))
      }
    }
    for (parts, owner, cursor) in places {
      for length in parts.indices {
        guard let outer = owners[Array(parts[..<length])] else { continue }
        throw conflict(owner, "inside of '\(outer.path)', where '\(outer.stage)' goes", cursor)
      }
    }
  }

  private static func conflict(_ owner: Owner, _ relation: String, _ cursor: YAMLCursor) -> Failure {
    cursor.failure(
      "'\(owner.stage)' would go \(relation)",
      hint: "give each its own place; in a matrix, by a part such as ${matrix.AXIS}")
  }
}

extension StageDeclaration {
  /// The places that it names, relative to its directory.
  fileprivate var exports: [(path: String, cursor: YAMLCursor)] {
    var exports = export.map { [($0.path, $0.cursor)] } ?? []
    for argument in parameters where argument.name == "to" {
      guard case .text(let uri)? = argument.words.first else { continue }
      for scheme in ["dir:", "file:"] where uri.hasPrefix(scheme) {
        exports.append((String(uri.dropFirst(scheme.count)), argument.cursor))
      }
    }
    return exports
  }
}

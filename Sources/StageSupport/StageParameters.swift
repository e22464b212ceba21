import Artifacts
import Failures
import JSON

/// The effective parameters of one run. Files count by their content: they are recorded with their digests.
struct StageParameters {
  /// All parameters, as the run record holds them.
  let recorded: JSONObject
  private let description: StageDescription

  /// - Parameter values: the options of the command.
  init(_ description: StageDescription, _ values: [(name: String, value: JSON)]) throws(Failure) {
    self.description = description
    var recorded = JSONObject()
    for row in description.parameters {
      let value = values.first { $0.name == row.name }?.value ?? .null
      recorded[row.name] = row.kind?.namesFiles == true ? .array(Self.files(value)) : value
    }
    self.recorded = recorded
  }

  /// Whether a recorded run gives the same result: all parameters but those that never influence it are equal.
  func sameResult(as other: JSONObject) -> Bool {
    description.parameters.allSatisfy { row in
      guard row.influence != .never || description.isExtent(row) else { return true }
      guard let mine = recorded[row.name], let theirs = other[row.name] else { return false }
      return row.kind?.namesFiles == true ? Self.sameContents(mine, theirs) : mine == theirs
    }
  }

  /// A directory, and a file that cannot be read, has no digest: the stage itself says what is wrong with it.
  private static func files(_ value: JSON) -> [JSON] {
    let paths = value.arrayValue?.compactMap(\.stringValue) ?? value.stringValue.map { [$0] } ?? []
    return paths.map { path in
      let digest = try? DigestMemo.standard.digest(ofFile: path)
      return ["path": .string(path), "sha256": digest.map { .string($0.hex) } ?? .null]
    }
  }

  private static func sameContents(_ mine: JSON, _ theirs: JSON) -> Bool {
    guard let mine = mine.arrayValue, let theirs = theirs.arrayValue, mine.count == theirs.count else {
      return false
    }
    return zip(mine, theirs).allSatisfy { mine, theirs in
      guard let digest = mine["sha256"]?.stringValue else { return false }
      return digest == theirs["sha256"]?.stringValue
    }
  }
}

package import JSON

/// Every value in a JSON document, at every depth, taken out or replaced by what does not belong there.
package struct JSONMutation: Sendable {
  /// What was done: "/rope_parameters/factor = -1".
  package let name: String
  package let value: JSON

  private static let strangers: [JSON] = [
    .null, true, "nonsense", "", [], [:], [[]], -1, 0, 1, 3, 1e300, -1e300, 1e-300, 0.5,
    .integer(Int.max), .integer(Int.min), .integer(1 << 31),
  ]

  /// - Parameter whole: an object or an array.
  package static func all(of whole: JSON, path: String = "") -> [JSONMutation] {
    switch whole {
    case .object(let object):
      return object.members.flatMap { member in
        changes(path + "/" + member.key, of: member.value) { changed in
          var copy = object
          copy[member.key] = changed
          return .object(copy)
        }
      }
    case .array(let elements):
      return elements.indices.prefix(2).flatMap { index in
        changes("\(path)/\(index)", of: elements[index]) { changed in
          .array(elements[..<index] + (changed.map { [$0] } ?? []) + elements[(index + 1)...])
        }
      }
    default: return []
    }
  }

  private static func changes(_ path: String, of value: JSON, _ put: (JSON?) -> JSON) -> [JSONMutation] {
    [JSONMutation(name: path + " removed", value: put(nil))]
      + strangers.map { JSONMutation(name: "\(path) = \($0.text(indent: 0))", value: put($0)) }
      + all(of: value, path: path).map { JSONMutation(name: $0.name, value: put($0.value)) }
  }
}

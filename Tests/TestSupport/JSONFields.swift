package import JSON

extension JSON {
  /// Every path to a field or element, from the top down.
  ///
  /// - Parameter opaque: pointers to objects whose fields do not count.
  package func fields(but opaque: [String] = [], at path: [JSONPathStep] = []) -> [[JSONPathStep]] {
    if opaque.contains(path.pointer) { return [] }
    switch self {
    case .object(let object):
      return object.members.flatMap { member in
        [path + [.key(member.key)]] + member.value.fields(but: opaque, at: path + [.key(member.key)])
      }
    case .array(let elements):
      return elements.enumerated().flatMap { $1.fields(but: opaque, at: path + [.index($0)]) }
    default: return []
    }
  }

  /// The value with what stands at `path` changed (nil deletes it).
  package func changed(at path: [JSONPathStep], _ change: (JSON) -> JSON?) -> JSON {
    switch (path.first, self) {
    case (.key(let key), .object(var object)):
      let value = object[key] ?? nil
      object[key] = path.count == 1 ? change(value) : value.changed(at: Array(path.dropFirst()), change)
      return .object(object)
    case (.index(let index), .array(var elements)):
      elements[index] = elements[index].changed(at: Array(path.dropFirst()), change)
      return .array(elements)
    default: return change(self) ?? nil
    }
  }
}

package import Failures

/// A place in a JSON document, read with checked types: every error names file, line, column and pointer.
///
///     let config = try JSONDocument(bytes, source: "config.json").cursor
///     let width = try config.field("hidden_size").integer(in: 1...)
package struct JSONCursor: Sendable {
  package let document: JSONDocument
  package let path: [JSONPathStep]
  package let value: JSON

  /// A failure about this value: "config.json:3:19: /hidden_size: expected an integer, found a string".
  package func failure(_ message: String, hint: String? = nil) -> Failure {
    let place = document.position(of: path).map { ":\($0.line):\($0.column)" } ?? ""
    let pointer = path.isEmpty ? "" : " \(path.pointer):"
    return Failure(.badData, "\(document.source)\(place):\(pointer) \(message)", hint: hint)
  }

  private func expected(_ what: String) -> Failure { failure("expected \(what), found \(value.typeName)") }

  package func string() throws(Failure) -> String {
    guard let string = value.stringValue else { throw expected("a string") }
    return string
  }

  package func bool() throws(Failure) -> Bool {
    guard let bool = value.boolValue else { throw expected("a boolean") }
    return bool
  }

  package func integer() throws(Failure) -> Int {
    guard let integer = value.integerValue else { throw expected("an integer") }
    return integer
  }

  /// An integer that lies in `range`.
  package func integer(in range: some RangeExpression<Int>) throws(Failure) -> Int {
    let integer = try integer()
    guard range.contains(integer) else {
      throw failure("expected \(Self.words(for: range)), found \(integer)")
    }
    return integer
  }

  private static func words(for range: some RangeExpression<Int>) -> String {
    switch range {
    case let range as ClosedRange<Int>: "an integer from \(range.lowerBound) to \(range.upperBound)"
    case let range as Range<Int>: "an integer from \(range.lowerBound) to \(range.upperBound - 1)"
    case let range as PartialRangeFrom<Int>: "an integer of at least \(range.lowerBound)"
    case let range as PartialRangeThrough<Int>: "an integer of at most \(range.upperBound)"
    case let range as PartialRangeUpTo<Int>: "an integer below \(range.upperBound)"
    default: "an integer in \(range)"
    }
  }

  package func double() throws(Failure) -> Double {
    guard let double = value.doubleValue else { throw expected("a number") }
    return double
  }

  package func elements() throws(Failure) -> [JSONCursor] {
    guard let array = value.arrayValue else { throw expected("an array") }
    return array.enumerated().map { JSONCursor(document: document, path: path + [.index($0)], value: $1) }
  }

  package func members() throws(Failure) -> [(key: String, cursor: JSONCursor)] {
    guard let object = value.objectValue else { throw expected("an object") }
    return object.members.map {
      ($0.key, JSONCursor(document: document, path: path + [.key($0.key)], value: $0.value))
    }
  }

  /// The member named `key`, which must be there (and may be null).
  package func field(_ key: String) throws(Failure) -> JSONCursor {
    guard let object = value.objectValue else { throw expected("an object") }
    guard let member = object[key] else { throw failure("the field '\(key)' is missing") }
    return JSONCursor(document: document, path: path + [.key(key)], value: member)
  }

  /// The member named `key`, or nil when it is absent or null.
  package func optional(_ key: String) throws(Failure) -> JSONCursor? {
    guard let object = value.objectValue else { throw expected("an object") }
    guard let member = object[key], !member.isNull else { return nil }
    return JSONCursor(document: document, path: path + [.key(key)], value: member)
  }

  /// Refuses members that no reader knows, so that a misspelt key is never silently ignored.
  package func allowOnly(_ keys: [String]) throws(Failure) {
    for (key, cursor) in try members() where !keys.contains(where: { $0.utf8.elementsEqual(key.utf8) }) {
      throw cursor.failure(
        "unknown field '\(key)'", hint: "known fields: \(keys.sorted().joined(separator: ", "))")
    }
  }
}

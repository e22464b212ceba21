package import Failures

/// A JSON Schema (draft 2020-12), as far as the schemas of this package use it.
///
/// A schema with a keyword that is not implemented here is refused: an assertion that nobody checks would be
/// worse than none. `$ref` reaches the document itself (`#`) and its `$defs` (`#/$defs/name`).
package struct JSONSchema: Sendable {
  let root: JSONSchemaNode
  private let definitions: [String: JSONSchemaNode]

  private static let draft = "https://json-schema.org/draft/2020-12/schema"

  /// Where a value departs from the schema, and how.
  package struct Violation: Sendable, Equatable {
    /// The value at fault, as steps from the root of the validated value.
    package let path: [JSONPathStep]
    package let message: String
  }

  /// - Throws: `Failure.badData` at an unknown keyword, a keyword's value of the wrong type, a `$ref` that leads
  ///   nowhere or back to itself, or another draft than 2020-12.
  package init(_ document: JSONDocument) throws(Failure) {
    let cursor = document.cursor
    root = try JSONSchemaNode(cursor, isRoot: true)
    var definitions: [String: JSONSchemaNode] = [:]
    if cursor.value.objectValue != nil {
      if let draft = try cursor.optional("$schema"), try draft.string() != Self.draft {
        throw draft.failure("only draft 2020-12 is supported (\(Self.draft))")
      }
      for (name, definition) in try cursor.optional("$defs")?.members() ?? [] {
        definitions[name] = try JSONSchemaNode(definition)
      }
    }
    self.definitions = definitions
    for node in [root] + definitions.sorted(by: { $0.key < $1.key }).map(\.value) {
      try checkReferences(of: node)
    }
  }

  /// Everything that is wrong with `value`, in document order; empty when it is valid.
  package func validate(_ value: JSON) -> [Violation] {
    var validation = JSONSchemaValidation(schema: self)
    validation.check(value, against: root, at: [])
    return validation.violations
  }

  /// - Throws: `Failure.badData` for the first violation, naming its line, column and pointer.
  package func require(_ document: JSONDocument) throws(Failure) {
    guard let violation = validate(document.root).first else { return }
    throw document.failure(violation.message, at: violation.path)
  }

  func node(for reference: String) -> JSONSchemaNode? {
    reference == "#" ? root : definitions[String(reference.dropFirst("#/$defs/".count))]
  }

  /// Every reference must lead somewhere, and not round in a circle without a step into the value.
  private func checkReferences(of node: JSONSchemaNode) throws(Failure) {
    for child in node.children { try checkReferences(of: child) }
    guard let reference = node.reference else { return }
    var pending = [node]
    var seen = Set<String>()
    while let next = pending.popLast() {
      var successors = next.inPlace
      if let reference = next.reference {
        guard let target = self.node(for: reference.value) else {
          throw reference.cursor.failure("'\(reference.value)' leads nowhere")
        }
        successors.append(target)
      }
      for successor in successors where seen.insert(successor.place).inserted {
        if successor.place == node.place {
          throw reference.cursor.failure("'\(reference.value)' leads back to itself")
        }
        pending.append(successor)
      }
    }
  }
}

extension JSONDocument {
  /// A failure about the value at `path`, with its line and column.
  package func failure(_ message: String, at path: [JSONPathStep], hint: String? = nil) -> Failure {
    JSONCursor(document: self, path: path, value: .null).failure(message, hint: hint)
  }
}

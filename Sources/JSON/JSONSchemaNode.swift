import Failures

/// One schema object, its keywords read and checked.
struct JSONSchemaNode: Sendable {
  /// Where the schema object stands in its document: its identity.
  let place: String
  /// False for the schema `false`, which nothing satisfies.
  var acceptsAnything = true
  var reference: (value: String, cursor: JSONCursor)?
  var types: [JSONSchemaType]?
  var constant: JSON?
  var enumeration: [JSON]?

  var minimum: Double?
  var maximum: Double?
  var exclusiveMinimum: Double?
  var exclusiveMaximum: Double?

  var minLength: Int?
  var maxLength: Int?
  var pattern: JSONSchemaPattern?

  var minItems: Int?
  var maxItems: Int?
  var uniqueItems = false
  var prefixItems: [JSONSchemaNode] = []
  var items: [JSONSchemaNode] = []  // one or none: a struct cannot hold itself

  var required: [String] = []
  var minProperties: Int?
  var properties: [(key: String, schema: JSONSchemaNode)] = []
  var propertyNames: [JSONSchemaNode] = []  // one or none
  var additionalProperties: [JSONSchemaNode] = []  // one or none

  var allOf: [JSONSchemaNode] = []
  var anyOf: [JSONSchemaNode] = []
  var oneOf: [JSONSchemaNode] = []
  var not: [JSONSchemaNode] = []  // one or none
  var condition: [JSONSchemaNode] = []  // if: one or none
  var then: [JSONSchemaNode] = []
  var otherwise: [JSONSchemaNode] = []

  /// The schemas that apply to the same value as this one.
  var inPlace: [JSONSchemaNode] { allOf + anyOf + oneOf + not + condition + then + otherwise }

  var children: [JSONSchemaNode] {
    inPlace + prefixItems + items + properties.map(\.schema) + propertyNames + additionalProperties
  }

  init(_ cursor: JSONCursor, isRoot: Bool = false) throws(Failure) {
    place = cursor.path.pointer
    if let verdict = cursor.value.boolValue {
      acceptsAnything = verdict
      return
    }
    for (keyword, value) in try cursor.members() {
      switch keyword {
      case "$schema", "$id", "$defs":
        guard isRoot else { throw value.failure("'\(keyword)' may only stand at the top of a schema") }
      case "$comment", "title", "description": _ = try value.string()
      case "default", "examples", "deprecated": break
      default:
        if try readAssertion(keyword, value) { continue }
        if try readArrayOrObject(keyword, value) { continue }
        if try readCombination(keyword, value) { continue }
        throw value.failure("the keyword '\(keyword)' is not implemented")
      }
    }
  }

  /// What a value itself must be. False when the keyword is another one.
  private mutating func readAssertion(_ keyword: String, _ value: JSONCursor) throws(Failure) -> Bool {
    switch keyword {
    case "type": types = try JSONSchemaType.list(value)
    case "const": constant = value.value
    case "enum":
      enumeration = try value.elements().map(\.value)
      if enumeration?.isEmpty == true { throw value.failure("an empty enum allows nothing") }
    case "minimum": minimum = try value.double()
    case "maximum": maximum = try value.double()
    case "exclusiveMinimum": exclusiveMinimum = try value.double()
    case "exclusiveMaximum": exclusiveMaximum = try value.double()
    case "minLength": minLength = try value.integer(in: 0...)
    case "maxLength": maxLength = try value.integer(in: 0...)
    case "pattern": pattern = try JSONSchemaPattern(value)
    default: return false
    }
    return true
  }

  private mutating func readArrayOrObject(_ keyword: String, _ value: JSONCursor) throws(Failure) -> Bool {
    switch keyword {
    case "minItems": minItems = try value.integer(in: 0...)
    case "maxItems": maxItems = try value.integer(in: 0...)
    case "uniqueItems": uniqueItems = try value.bool()
    case "prefixItems": prefixItems = try Self.list(value)
    case "items": items = [try JSONSchemaNode(value)]
    case "required":
      for name in try value.elements() { required.append(try name.string()) }
    case "minProperties": minProperties = try value.integer(in: 0...)
    case "properties":
      for (key, schema) in try value.members() { properties.append((key, try JSONSchemaNode(schema))) }
    case "propertyNames": propertyNames = [try JSONSchemaNode(value)]
    case "additionalProperties": additionalProperties = [try JSONSchemaNode(value)]
    default: return false
    }
    return true
  }

  private mutating func readCombination(_ keyword: String, _ value: JSONCursor) throws(Failure) -> Bool {
    switch keyword {
    case "$ref":
      let target = try value.string()
      guard target == "#" || target.hasPrefix("#/$defs/") else {
        throw value.failure("'\(target)': only '#' and '#/$defs/…' can be referred to")
      }
      reference = (target, value)
    case "allOf": allOf = try Self.list(value)
    case "anyOf": anyOf = try Self.list(value)
    case "oneOf": oneOf = try Self.list(value)
    case "not": not = [try JSONSchemaNode(value)]
    case "if": condition = [try JSONSchemaNode(value)]
    case "then": then = [try JSONSchemaNode(value)]
    case "else": otherwise = [try JSONSchemaNode(value)]
    default: return false
    }
    return true
  }

  private static func list(_ cursor: JSONCursor) throws(Failure) -> [JSONSchemaNode] {
    var nodes: [JSONSchemaNode] = []
    for element in try cursor.elements() { nodes.append(try JSONSchemaNode(element)) }
    if nodes.isEmpty { throw cursor.failure("expected at least one schema") }
    return nodes
  }
}

/// The values of the keyword `type`.
enum JSONSchemaType: String, Sendable {
  case null, boolean, integer, number, string, array, object

  static func list(_ cursor: JSONCursor) throws(Failure) -> [JSONSchemaType] {
    var types: [JSONSchemaType] = []
    for name in cursor.value.arrayValue == nil ? [cursor] : try cursor.elements() {
      guard let type = JSONSchemaType(rawValue: try name.string()) else {
        throw name.failure("unknown type '\(try name.string())'")
      }
      types.append(type)
    }
    if types.isEmpty { throw cursor.failure("expected at least one type") }
    return types
  }

  /// An integer is any number that is whole: `1.0` counts.
  func matches(_ value: JSON) -> Bool {
    switch (self, value) {
    case (.null, .null), (.boolean, .bool), (.integer, .integer), (.number, .integer), (.number, .number),
      (.string, .string), (.array, .array), (.object, .object):
      true
    case (.integer, .number(let number)): number == number.rounded()
    default: false
    }
  }

  /// The type as a message names it.
  var words: String {
    switch self {
    case .null: "null"
    case .integer, .array, .object: "an \(rawValue)"
    case .boolean, .number, .string: "a \(rawValue)"
    }
  }
}

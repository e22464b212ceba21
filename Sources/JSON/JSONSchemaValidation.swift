/// One walk over a value with a schema beside it, collecting violations.
struct JSONSchemaValidation {
  let schema: JSONSchema
  private(set) var violations: [JSONSchema.Violation] = []

  init(schema: JSONSchema) { self.schema = schema }

  mutating func check(_ value: JSON, against node: JSONSchemaNode, at path: [JSONPathStep]) {
    guard node.acceptsAnything else { return report("nothing is allowed here", at: path) }
    if let types = node.types, !types.contains(where: { $0.matches(value) }) {
      // Of the wrong type altogether: what else the schema says would only repeat it.
      return report("expected \(Self.list(types.map(\.words))), found \(value.typeName)", at: path)
    }
    if let constant = node.constant, constant != value {
      report("expected \(constant.text(indent: 0)), found \(Self.excerpt(value))", at: path)
    }
    if let allowed = node.enumeration, !allowed.contains(value) {
      let choices = Self.list(allowed.map { $0.text(indent: 0) })
      report("expected \(choices), found \(Self.excerpt(value))", at: path)
    }
    switch value {
    case .integer, .number: checkNumber(value, against: node, at: path)
    case .string(let text): checkString(text, against: node, at: path)
    case .array(let elements): checkArray(elements, against: node, at: path)
    case .object(let object): checkObject(object, against: node, at: path)
    case .null, .bool: break
    }
    checkCombinations(value, against: node, at: path)
  }

  private mutating func report(_ message: String, at path: [JSONPathStep]) {
    violations.append(.init(path: path, message: message))
  }

  private func violations(of value: JSON, against node: JSONSchemaNode, at path: [JSONPathStep])
    -> [JSONSchema.Violation]
  {
    var validation = JSONSchemaValidation(schema: schema)
    validation.check(value, against: node, at: path)
    return validation.violations
  }

  // MARK: - Words

  /// "a, b or c"
  private static func list(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  /// The value as a message shows it: a few characters of it.
  private static func excerpt(_ value: JSON) -> String {
    switch value {
    case .array, .object: return value.typeName
    default:
      let text = value.text(indent: 0)
      return text.count > 60 ? text.prefix(57) + "…" : text
    }
  }

  private static func text(_ bound: Double) -> String { JSON.number(bound).text(indent: 0) }
}

// MARK: - Numbers and strings

extension JSONSchemaValidation {
  private mutating func checkNumber(_ value: JSON, against node: JSONSchemaNode, at path: [JSONPathStep]) {
    let number = value.doubleValue ?? 0
    let found = "found \(Self.excerpt(value))"
    if let bound = node.minimum, number < bound {
      report("must be at least \(Self.text(bound)), \(found)", at: path)
    }
    if let bound = node.maximum, number > bound {
      report("must be at most \(Self.text(bound)), \(found)", at: path)
    }
    if let bound = node.exclusiveMinimum, number <= bound {
      report("must be above \(Self.text(bound)), \(found)", at: path)
    }
    if let bound = node.exclusiveMaximum, number >= bound {
      report("must be below \(Self.text(bound)), \(found)", at: path)
    }
  }

  /// Lengths count Unicode code points, as the specification says.
  private mutating func checkString(_ text: String, against node: JSONSchemaNode, at path: [JSONPathStep]) {
    let length = text.unicodeScalars.count
    if let bound = node.minLength, length < bound {
      report("must have at least \(bound) characters, found \(Self.excerpt(.string(text)))", at: path)
    }
    if let bound = node.maxLength, length > bound {
      report("must have at most \(bound) characters, found \(length)", at: path)
    }
    if let pattern = node.pattern, !pattern.matches(text) {
      report("must match \(pattern.source), found \(Self.excerpt(.string(text)))", at: path)
    }
  }
}

// MARK: - Arrays and objects

extension JSONSchemaValidation {
  private mutating func checkArray(_ elements: [JSON], against node: JSONSchemaNode, at path: [JSONPathStep])
  {
    if let bound = node.minItems, elements.count < bound {
      report("must have at least \(bound) elements, found \(elements.count)", at: path)
    }
    if let bound = node.maxItems, elements.count > bound {
      report("must have at most \(bound) elements, found \(elements.count)", at: path)
    }
    if node.uniqueItems {
      var seen = Set<JSON>()
      for (index, element) in elements.enumerated() where !seen.insert(element).inserted {
        report("must not appear twice: \(Self.excerpt(element))", at: path + [.index(index)])
      }
    }
    for (index, element) in elements.enumerated() {
      guard let schema = index < node.prefixItems.count ? node.prefixItems[index] : node.items.first else {
        break
      }
      check(element, against: schema, at: path + [.index(index)])
    }
  }

  private mutating func checkObject(
    _ object: JSONObject, against node: JSONSchemaNode, at path: [JSONPathStep]
  ) {
    for name in node.required where object[name] == nil { report("the field '\(name)' is missing", at: path) }
    if let bound = node.minProperties, object.count < bound {
      report("must have at least \(bound) fields, found \(object.count)", at: path)
    }
    for (key, value) in object.members {
      let place = path + [.key(key)]
      if let schema = node.propertyNames.first {
        for violation in violations(of: .string(key), against: schema, at: place) {
          report("the name of the field: \(violation.message)", at: place)
        }
      }
      if let property = node.properties.first(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
        check(value, against: property.schema, at: place)
      } else if let schema = node.additionalProperties.first {
        if schema.acceptsAnything {
          check(value, against: schema, at: place)
        } else {
          report("unknown field '\(key)'", at: place)
        }
      }
    }
  }
}

// MARK: - Combinations

extension JSONSchemaValidation {
  private mutating func checkCombinations(
    _ value: JSON, against node: JSONSchemaNode, at path: [JSONPathStep]
  ) {
    if let reference = node.reference, let target = schema.node(for: reference.value) {
      check(value, against: target, at: path)
    }
    for part in node.allOf { check(value, against: part, at: path) }
    if !node.anyOf.isEmpty { checkAlternatives(node.anyOf, exactlyOne: false, value, at: path) }
    if !node.oneOf.isEmpty { checkAlternatives(node.oneOf, exactlyOne: true, value, at: path) }
    for part in node.not where violations(of: value, against: part, at: path).isEmpty {
      report("must not have the form that 'not' describes", at: path)
    }
    if let condition = node.condition.first {
      let branch = violations(of: value, against: condition, at: path).isEmpty ? node.then : node.otherwise
      for part in branch { check(value, against: part, at: path) }
    }
  }

  /// When no alternative fits, the one that came furthest into the value says what is wrong.
  private mutating func checkAlternatives(
    _ alternatives: [JSONSchemaNode], exactlyOne: Bool, _ value: JSON, at path: [JSONPathStep]
  ) {
    let outcomes = alternatives.map { violations(of: value, against: $0, at: path) }
    let fitting = outcomes.count { $0.isEmpty }
    if fitting > 1, exactlyOne {
      return report("fits \(fitting) of the forms of which it must fit one", at: path)
    }
    if fitting > 0 { return }
    let depths = outcomes.map { $0.map(\.path.count).max() ?? 0 }
    let deepest = depths.max() ?? 0
    let closest = outcomes.indices.filter { depths[$0] == deepest }
    if closest.count == 1 { return violations += outcomes[closest[0]] }
    let reasons = closest.compactMap { index in outcomes[index].max { $0.path.count < $1.path.count }?.message
    }
    report("fits none of the allowed forms: \(reasons.joined(separator: "; or "))", at: path)
  }
}

/// How values compare, as in Python.
extension TemplateValue {
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.null, .null): true
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      a.members.count == b.members.count
        && a.members.allSatisfy { member in b[member.key]?.equals(member.value) ?? false }
    case (.iterator(let a), .iterator(let b)): a === b
    case (.namespace(let a), .namespace(let b)): a === b
    case (.function(let a), .function(let b)): a === b
    case (.loop(let a), .loop(let b)): a === b
    default: Self.numbersEqual(self, other)
    }
  }

  private static func numbersEqual(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
    if let a = left.wholeNumber, let b = right.wholeNumber { return a == b }
    guard let a = left.number, let b = right.number else { return false }
    return a == b
  }

  /// Whether the value comes before another.
  ///
  /// - Throws: for values that have no order.
  func isLess(than other: TemplateValue) throws(TemplateError) -> Bool {
    if let a = wholeNumber, let b = other.wholeNumber { return a < b }
    if let a = number, let b = other.number { return a < b }
    switch (self, other) {
    case (.string(let a), .string(let b)):
      // The order of UTF-8 is that of code points.
      return a.utf8.lexicographicallyPrecedes(b.utf8)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      for (left, right) in zip(a, b) where !left.equals(right) { return try left.isLess(than: right) }
      return a.count < b.count
    case (.undefined(let what), _), (_, .undefined(let what)): throw Self.missing(what)
    default: throw TemplateError("'<' is not supported between '\(typeName)' and '\(other.typeName)'")
    }
  }

  /// Whether `element` is in the value.
  func contains(_ element: TemplateValue) throws(TemplateError) -> Bool {
    switch self {
    case .string(let text):
      guard case .string(let part) = element else {
        if case .undefined(let what) = element { throw Self.missing(what) }
        throw TemplateError("'in <string>' requires a str, found '\(element.typeName)'")
      }
      return !Array(text.utf8).places(of: Array(part.utf8)).isEmpty
    case .dictionary(let dictionary): return dictionary[element] != nil
    default: return try elements().contains { $0.equals(element) }
    }
  }

  func compare(_ comparison: ComparisonOperator, _ other: TemplateValue) throws(TemplateError) -> Bool {
    switch comparison {
    case .equal: equals(other)
    case .notEqual: !equals(other)
    case .less: try isLess(than: other)
    case .greater: try other.isLess(than: self)
    // Not the opposite of the other order: nothing compares with NaN.
    case .lessOrEqual: try isLess(than: other) || equals(other)
    case .greaterOrEqual: try other.isLess(than: self) || equals(other)
    case .contained: try other.contains(self)
    case .notContained: !(try other.contains(self))
    }
  }
}

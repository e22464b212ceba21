/// Filters that apply a filter or a test to every element: `map`, `select`, `reject` and their like.
extension TemplateFilter {
  func selection(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue?
  {
    switch self {
    case .map:
      var results: [TemplateValue] = []
      let change = try Self.mapping(arguments)
      for element in try value.elements() { results.append(try change(element)) }
      return .iterator(TemplateIterator(results))
    case .attr:
      let name = try arguments.bind("attr", "name").string(0, of: "attr")
      if case .dictionary(let dictionary) = value {
        return dictionary.method(name).map { .function($0) }
          ?? .undefined("'dict object' has no attribute '\(name)'")
      }
      return try value.attribute(name)
    case .select: return try Self.selected(value, arguments, keeps: true)
    case .reject: return try Self.selected(value, arguments, keeps: false)
    case .selectattr: return try Self.selected(value, arguments, keeps: true, byAttribute: true)
    case .rejectattr: return try Self.selected(value, arguments, keeps: false, byAttribute: true)
    default: return nil
    }
  }

  private static func mapping(
    _ arguments: TemplateArguments
  ) throws(TemplateError) -> (TemplateValue) throws(TemplateError) -> TemplateValue {
    guard let name = arguments.positional.first else {
      let bound = try arguments.bind("map", "attribute", "default")
      let key = try SortKey(try bound.required(0, of: "map"), ignoresCase: false, standard: bound[1])
      return { element throws(TemplateError) in try key.first(element) }
    }
    guard let filter = TemplateFilter(rawValue: name.text) else {
      throw TemplateError("the filter '\(name.text)' is not supported")
    }
    let rest = TemplateArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    return { element throws(TemplateError) in try filter.apply(to: element, rest) }
  }

  private static func selected(
    _ value: TemplateValue, _ arguments: TemplateArguments, keeps: Bool, byAttribute: Bool = false
  ) throws(TemplateError) -> TemplateValue {
    var positional = arguments.positional[...]
    if byAttribute, positional.isEmpty { throw TemplateError("the name of the attribute is missing") }
    let key = try SortKey(byAttribute ? positional.popFirst() : nil, ignoresCase: false)
    var test: TemplateTest?
    if let name = positional.popFirst() {
      test = TemplateTest(rawValue: name.text)
      guard test != nil else { throw TemplateError("the test '\(name.text)' is not supported") }
    }
    let rest = TemplateArguments(positional: Array(positional), named: arguments.named)
    var kept: [TemplateValue] = []
    for element in try value.elements() {
      let subject = try key.first(element)
      if try (test?.holds(subject, rest) ?? subject.isTrue) == keeps { kept.append(element) }
    }
    return .iterator(TemplateIterator(kept))
  }
}

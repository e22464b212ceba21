/// What elements are sorted or told apart by: themselves, or attributes of theirs like `"function.name"`.
struct SortKey {
  /// The paths of the attributes; one empty path for the element itself.
  private let paths: [[TemplateValue]]
  private let ignoresCase: Bool
  /// What stands for an attribute that is not there.
  private let standard: TemplateValue?

  /// - Parameter attribute: a name, a path with dots, an index, or several with commas.
  init(_ attribute: TemplateValue?, ignoresCase: Bool, standard: TemplateValue? = nil) throws(TemplateError) {
    (self.ignoresCase, self.standard) = (ignoresCase, standard)
    switch attribute {
    case nil, .null?: paths = [[]]
    case .string(let names)?:
      paths = names.split(separator: ",", omittingEmptySubsequences: false).map(Self.path)
    case let index?: paths = [[index]]
    }
  }

  private static func path(_ names: Substring) -> [TemplateValue] {
    names.split(separator: ".", omittingEmptySubsequences: false).map { name in
      name.allSatisfy(\.isNumber)
        ? Int(name).map { .integer($0) } ?? .string(String(name)) : .string(String(name))
    }
  }

  func first(_ element: TemplateValue) throws(TemplateError) -> TemplateValue { try value(element, paths[0]) }

  private func value(_ element: TemplateValue, _ path: [TemplateValue]) throws(TemplateError) -> TemplateValue
  {
    var value = element
    for step in path {
      value = try value.item(step)
      if value.isUndefined, let standard { value = standard }
    }
    if ignoresCase, case .string(let text) = value { return .string(text.lowercased()) }
    return value
  }

  /// The elements in order; equal ones stay in the order in which they came.
  func sorted(_ elements: [TemplateValue], descending: Bool) throws(TemplateError) -> [TemplateValue] {
    var keyed: [(key: TemplateValue, element: TemplateValue)] = []
    for element in elements {
      var values: [TemplateValue] = []
      for path in paths { values.append(try value(element, path)) }
      keyed.append((.list(values), element))
    }
    var failure: TemplateError?
    keyed.sort { left, right in
      guard failure == nil else { return false }
      do throws(TemplateError) {
        return descending ? try right.key.isLess(than: left.key) : try left.key.isLess(than: right.key)
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
    return keyed.map(\.element)
  }
}

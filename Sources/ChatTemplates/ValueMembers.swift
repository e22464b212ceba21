/// Attributes, items and slices of values.
extension TemplateValue {
  /// `value.name`: an attribute first, then an item, as Jinja looks.
  func attribute(_ name: String) throws(TemplateError) -> TemplateValue {
    if let found = try ownAttribute(name) { return found }
    if case .dictionary(let dictionary) = self, let item = dictionary[name] { return item }
    return .undefined("'\(typeName) object' has no attribute '\(name)'")
  }

  private func ownAttribute(_ name: String) throws(TemplateError) -> TemplateValue? {
    switch self {
    case .undefined(let what): throw Self.missing(what)
    case .string(let text): StringMethod(rawValue: name).map { .function($0.bound(to: text)) }
    case .dictionary(let dictionary): dictionary.method(name).map { .function($0) }
    case .list(let values), .tuple(let values): Self.method(name, of: values).map { .function($0) }
    case .namespace(let namespace): namespace.attributes[name]
    case .loop(let loop): loop.attribute(name)
    default: nil
    }
  }

  /// `value[key]`: an item first, then an attribute.
  func item(_ key: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let what) = self { throw Self.missing(what) }
    if let index = key.wholeNumber, let element = element(at: index) { return element }
    if case .dictionary(let dictionary) = self, let item = dictionary[key] { return item }
    if case .string(let name) = key, let found = try ownAttribute(name) { return found }
    return .undefined("'\(typeName) object' has no element \(key.representation)")
  }

  /// The element at an index; negative ones count from the end.
  private func element(at index: Int) -> TemplateValue? {
    switch self {
    case .list(let values), .tuple(let values):
      let place = index < 0 ? index + values.count : index
      return values.indices.contains(place) ? values[place] : nil
    case .string(let text):
      let scalars = text.unicodeScalars
      let place = index < 0 ? index + scalars.count : index
      guard place >= 0, place < scalars.count else { return nil }
      return .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: place)]))
    default: return nil
    }
  }

  /// `value[start:stop:step]`; nil leaves a bound out.
  func slice(_ start: Int?, _ stop: Int?, _ step: Int) throws(TemplateError) -> TemplateValue {
    guard step != 0 else { throw TemplateError("the step of a slice is zero") }
    switch self {
    case .undefined(let what): throw Self.missing(what)
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      let kept = Self.indices(start, stop, step, count: scalars.count).map { scalars[$0] }
      return .string(String(String.UnicodeScalarView(kept)))
    case .list(let values):
      return .list(Self.indices(start, stop, step, count: values.count).map { values[$0] })
    case .tuple(let values):
      return .tuple(Self.indices(start, stop, step, count: values.count).map { values[$0] })
    default: throw TemplateError("'\(typeName)' object cannot be sliced")
    }
  }

  private static func indices(_ start: Int?, _ stop: Int?, _ step: Int, count: Int) -> StrideTo<Int> {
    let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
    func bound(_ value: Int?, _ standard: Int) -> Int {
      guard let value else { return standard }
      return min(max(value < 0 ? value.addingReportingOverflow(count).partialValue : value, lowest), highest)
    }
    let (first, last) = (bound(start, step > 0 ? lowest : highest), bound(stop, step > 0 ? highest : lowest))
    // A step beyond the ends is as good as one to the end, and cannot overflow.
    return stride(from: first, to: last, by: min(max(step, -count - 1), count + 1))
  }

  private static func method(_ name: String, of values: [TemplateValue]) -> TemplateFunction? {
    switch name {
    case "count":
      TemplateFunction(name) { arguments throws(TemplateError) in
        let value = try arguments.bind(name, "value").required(0, of: name)
        return .integer(values.count { $0.equals(value) })
      }
    case "index":
      TemplateFunction(name) { arguments throws(TemplateError) in
        let value = try arguments.bind(name, "value").required(0, of: name)
        guard let index = values.firstIndex(where: { $0.equals(value) }) else {
          throw TemplateError("\(value.representation) is not in the list")
        }
        return .integer(index)
      }
    case "copy": TemplateFunction(name) { _ throws(TemplateError) in .list(values) }
    case "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse": .forbidden(name, "list")
    default: nil
    }
  }
}

extension TemplateFunction {
  /// A method that would change its object, which transformers' sandbox does not allow.
  static func forbidden(_ name: String, _ type: String) -> TemplateFunction {
    TemplateFunction(name) { _ throws(TemplateError) in
      throw TemplateError("a template must not change a \(type) ('\(name)')")
    }
  }
}

extension TemplateDictionary {
  func method(_ name: String) -> TemplateFunction? {
    let members = members
    switch name {
    case "items":
      return TemplateFunction(name) { _ throws(TemplateError) in
        .list(members.map { .tuple([$0.key, $0.value]) })
      }
    case "keys": return TemplateFunction(name) { _ throws(TemplateError) in .list(members.map(\.key)) }
    case "values": return TemplateFunction(name) { _ throws(TemplateError) in .list(members.map(\.value)) }
    case "copy": return TemplateFunction(name) { [self] _ throws(TemplateError) in .dictionary(self) }
    case "get":
      return TemplateFunction(name) { [self] arguments throws(TemplateError) in
        let bound = try arguments.bind(name, "key", "default")
        return self[try bound.required(0, of: name)] ?? bound[1] ?? .null
      }
    case "pop", "popitem", "update", "setdefault", "clear": return .forbidden(name, "dict")
    default: return nil
    }
  }
}

import JSON

/// A value of a template, with Python's meaning. Lists and dictionaries never change, as transformers' sandbox has it.
enum TemplateValue {
  /// Nothing; the text says what was looked for.
  case undefined(String)
  case null
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case list([TemplateValue])
  case tuple([TemplateValue])
  case dictionary(TemplateDictionary)
  case iterator(TemplateIterator)
  case namespace(TemplateNamespace)
  case function(TemplateFunction)
  case loop(LoopState)

  init(_ json: JSON) {
    switch json {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .float(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .list(values.map { TemplateValue($0) })
    case .object(let object):
      self = .dictionary(
        TemplateDictionary(object.members.map { (.string($0.key), TemplateValue($0.value)) }))
    }
  }

  /// The value's type as Python names it, for messages.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .null: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .float: "float"
    case .string: "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .iterator: "generator"
    case .namespace: "Namespace"
    case .function: "function"
    case .loop: "LoopContext"
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// Whether the value counts as true in a condition.
  var isTrue: Bool {
    switch self {
    case .undefined, .null: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let value): !value.utf8.isEmpty
    case .list(let values), .tuple(let values): !values.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    case .iterator, .namespace, .function: true
    case .loop(let loop): !loop.elements.isEmpty
    }
  }

  /// Whole numbers; Python counts true and false among them.
  var wholeNumber: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var number: Double? {
    if case .float(let value) = self { return value }
    return wholeNumber.map { Double($0) }
  }

  /// The elements that a loop over the value sees. An iterator gives them once.
  func elements() throws(TemplateError) -> [TemplateValue] {
    switch self {
    case .undefined: return []
    case .string(let text):
      guard text.utf8.count <= TemplateLimits.valueWeight else { throw TemplateLimits.exceeded }
      return text.unicodeScalars.map { .string(String($0)) }
    case .list(let values), .tuple(let values): return values
    case .dictionary(let dictionary): return dictionary.members.map(\.key)
    case .iterator(let iterator): return iterator.takeAll()
    default: throw TemplateError("'\(typeName)' object is not iterable")
    }
  }

  func length() throws(TemplateError) -> Int {
    switch self {
    case .undefined: 0
    case .string(let text): text.unicodeScalars.count
    case .list(let values), .tuple(let values): values.count
    case .dictionary(let dictionary): dictionary.members.count
    case .loop(let loop): loop.elements.count
    default: throw TemplateError("object of type '\(typeName)' has no len()")
    }
  }

  /// The failure of using nothing as if it were something.
  static func missing(_ what: String) -> TemplateError { TemplateError(what) }

  /// - Throws: when the value is undefined.
  func defined() throws(TemplateError) -> TemplateValue {
    if case .undefined(let what) = self { throw Self.missing(what) }
    return self
  }
}

/// The members of a dictionary in the order in which they came.
struct TemplateDictionary {
  private(set) var members: [(key: TemplateValue, value: TemplateValue)] = []

  init() {}

  /// - Parameter members: of the same key the last value counts, at the place of the first.
  init(_ members: [(TemplateValue, TemplateValue)]) {
    self.members.reserveCapacity(members.count)
    for (key, value) in members { self[key] = value }
  }

  subscript(key: TemplateValue) -> TemplateValue? {
    get { index(of: key).map { members[$0].value } }
    set {
      guard let newValue else { return }
      if let index = index(of: key) {
        members[index].value = newValue
      } else {
        members.append((key, newValue))
      }
    }
  }

  subscript(name: String) -> TemplateValue? { self[.string(name)] }

  /// A linear search: dictionaries in conversations and tools are small.
  private func index(of key: TemplateValue) -> Int? { members.firstIndex { $0.key.equals(key) } }
}

/// Elements that can be taken once, as Python's generators.
final class TemplateIterator {
  private var elements: ArraySlice<TemplateValue>

  init(_ elements: [TemplateValue]) { self.elements = elements[...] }

  func takeAll() -> [TemplateValue] {
    defer { elements = [] }
    return Array(elements)
  }

  func next() -> TemplateValue? { elements.popFirst() }
}

/// What `namespace()` makes: the one thing of a template that can change.
final class TemplateNamespace {
  var attributes: [String: TemplateValue] = [:]
}

/// Something that can be called: a macro, a method or a function of the template's world.
final class TemplateFunction {
  let name: String
  let call: (TemplateArguments) throws(TemplateError) -> TemplateValue

  init(_ name: String, _ call: @escaping (TemplateArguments) throws(TemplateError) -> TemplateValue) {
    (self.name, self.call) = (name, call)
  }
}

/// The functions that every template knows.
extension Rendering {
  /// - Parameter date: what `strftime_now` takes for now; without it there is no such function.
  func makeGlobals(_ date: CivilTime?) -> [String: TemplateValue] {
    var functions = [Self.range, Self.dictionary, Self.failure, namespace]
    if let date { functions.append(Self.time(date)) }
    return Dictionary(uniqueKeysWithValues: functions.map { ($0.name, .function($0)) })
  }

  private static var range: TemplateFunction {
    TemplateFunction("range") { arguments throws(TemplateError) in
      let bound = try arguments.bind("range", "start", "stop", "step")
      let first = try bound.integer(0, of: "range")
      let stop = bound[1] == nil ? first : try bound.integer(1, of: "range")
      let step = try bound.integer(2, of: "range", default: 1)
      guard step != 0 else { throw TemplateError("the step of range() is zero") }
      let numbers = stride(from: bound[1] == nil ? 0 : first, to: stop, by: step)
      var values: [TemplateValue] = []
      for number in numbers {
        guard values.count < TemplateLimits.rangeSize else {
          throw TemplateError("a range of more than \(TemplateLimits.rangeSize) numbers")
        }
        values.append(.integer(number))
      }
      return .list(values)
    }
  }

  private static var dictionary: TemplateFunction {
    TemplateFunction("dict") { arguments throws(TemplateError) in
      .dictionary(try members(arguments, of: "dict"))
    }
  }

  /// The members that the arguments of `dict` or `namespace` name: a mapping or pairs, and names with values.
  private static func members(
    _ arguments: TemplateArguments, of function: String
  ) throws(TemplateError) -> TemplateDictionary {
    var members: [(TemplateValue, TemplateValue)] = []
    switch arguments.positional.first {
    case nil: break
    case .dictionary(let dictionary)?: members = dictionary.members.map { ($0.key, $0.value) }
    case let pairs?:
      for pair in try pairs.elements() {
        let values = try pair.elements()
        guard values.count == 2 else { throw TemplateError("\(function)() expects pairs") }
        members.append((values[0], values[1]))
      }
    }
    members += arguments.named.map { (.string($0.name), $0.value) }
    guard members.count <= TemplateLimits.searchSize else { throw TemplateLimits.exceeded }
    return TemplateDictionary(members)
  }

  private var namespace: TemplateFunction {
    TemplateFunction("namespace") { [unowned self] arguments throws(TemplateError) in
      let namespace = TemplateNamespace()
      for (key, value) in try Self.members(arguments, of: "namespace").members {
        namespace.attributes[key.text] = value
      }
      keep(namespace)
      return .namespace(namespace)
    }
  }

  private static var failure: TemplateFunction {
    TemplateFunction("raise_exception") { arguments throws(TemplateError) in
      let message = try arguments.bind("raise_exception", "message").required(0, of: "raise_exception")
      throw TemplateError("the template refuses the conversation: \(message.text)")
    }
  }

  private static func time(_ date: CivilTime) -> TemplateFunction {
    TemplateFunction("strftime_now") { arguments throws(TemplateError) in
      .string(try date.text(try arguments.bind("strftime_now", "format").string(0, of: "strftime_now")))
    }
  }
}

/// The values that a call, filter or test gets.
struct TemplateArguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// The values of parameters in their order; nil for those that were left out.
  ///
  /// - Throws: for arguments that there is no parameter for.
  func bind(_ function: String, _ parameters: String...) throws(TemplateError) -> [TemplateValue?] {
    guard positional.count <= parameters.count else {
      throw TemplateError(
        "\(function)() takes at most \(parameters.count) arguments, found \(positional.count)")
    }
    var values = positional.map(Optional.some)
    values += Array(repeating: nil, count: parameters.count - positional.count)
    for (name, value) in named {
      guard let index = parameters.firstIndex(of: name), values[index] == nil else {
        throw TemplateError("\(function)() got an unexpected argument '\(name)'")
      }
      values[index] = value
    }
    return values
  }
}

extension [TemplateValue?] {
  /// The argument at `index`, which must be there.
  func required(_ index: Int, of function: String) throws(TemplateError) -> TemplateValue {
    guard let value = self[index] else { throw TemplateError("\(function)() lacks an argument") }
    return value
  }

  func string(_ index: Int, of function: String) throws(TemplateError) -> String {
    let value = try required(index, of: function)
    guard case .string(let text) = value else {
      throw TemplateError("\(function)() expects a str, found '\(value.typeName)'")
    }
    return text
  }

  /// A text or none: what methods of strings take.
  func optionalString(_ index: Int, of function: String) throws(TemplateError) -> String? {
    switch self[index] {
    case nil, .null?: nil
    default: try string(index, of: function)
    }
  }

  func integer(_ index: Int, of function: String, default standard: Int? = nil) throws(TemplateError) -> Int {
    if let standard, self[index] == nil { return standard }
    let value = try required(index, of: function)
    guard let number = value.wholeNumber else {
      throw TemplateError("\(function)() expects an int, found '\(value.typeName)'")
    }
    return number
  }

  func isTrue(_ index: Int) -> Bool { self[index]?.isTrue ?? false }
}

package import ArgumentParser
package import JSON

/// A type that options may have: it knows its name in `--describe` and its value in a run record.
package protocol ParameterValue {
  static var parameterKind: StageParameter.Kind { get }
  var parameterJSON: JSON { get }
}

extension Int: ParameterValue {
  package static var parameterKind: StageParameter.Kind { .integer }
  package var parameterJSON: JSON { .integer(self) }
}

extension Double: ParameterValue {
  package static var parameterKind: StageParameter.Kind { .number }
  package var parameterJSON: JSON { .number(self) }
}

extension Bool: ParameterValue {
  package static var parameterKind: StageParameter.Kind { .boolean }
  package var parameterJSON: JSON { .bool(self) }
}

extension String: ParameterValue {
  package static var parameterKind: StageParameter.Kind { .string }
  package var parameterJSON: JSON { .string(self) }
}

/// Choices are strings: `enum PromptStyle: String, ExpressibleByArgument, ParameterValue`.
extension ParameterValue where Self: RawRepresentable, RawValue == String {
  package static var parameterKind: StageParameter.Kind { .string }
  package var parameterJSON: JSON { .string(rawValue) }
}

extension Optional: ParameterValue where Wrapped: ParameterValue {
  package static var parameterKind: StageParameter.Kind { Wrapped.parameterKind }
  package var parameterJSON: JSON { map(\.parameterJSON) ?? .null }
}

extension Array: ParameterValue where Element: ParameterValue {
  package static var parameterKind: StageParameter.Kind { .list }
  package var parameterJSON: JSON { .array(map(\.parameterJSON)) }
}

// MARK: - Reading the options of a command

/// A stored property of a command that ArgumentParser fills from the command line.
private protocol DeclaredOption {
  static var parameterKind: StageParameter.Kind { get }
  /// The value, once the command line has been parsed.
  var parameterJSON: JSON { get }
}

extension Option: DeclaredOption where Value: ParameterValue {
  fileprivate static var parameterKind: StageParameter.Kind { Value.parameterKind }
  fileprivate var parameterJSON: JSON { wrappedValue.parameterJSON }
}

extension Flag: DeclaredOption where Value: ParameterValue {
  fileprivate static var parameterKind: StageParameter.Kind { Value.parameterKind }
  fileprivate var parameterJSON: JSON { wrappedValue.parameterJSON }
}

private protocol DeclaredGroup {
  static var optionKinds: [(name: String, kind: StageParameter.Kind)] { get }
  var optionValues: [(name: String, value: JSON)] { get }
}

extension OptionGroup: DeclaredGroup {
  fileprivate static var optionKinds: [(name: String, kind: StageParameter.Kind)] { Value.optionKinds }
  fileprivate var optionValues: [(name: String, value: JSON)] { wrappedValue.optionValues }
}

extension ParsableArguments {
  /// The options of the command and its groups, `StageOptions` left out, with the types they are declared with.
  static var optionKinds: [(name: String, kind: StageParameter.Kind)] {
    properties(of: Self()).flatMap { name, value -> [(name: String, kind: StageParameter.Kind)] in
      switch value {
      case let group as any DeclaredGroup: type(of: group).optionKinds
      case let option as any DeclaredOption: [(name, type(of: option).parameterKind)]
      default: []
      }
    }
  }

  /// The same options with their values. The command must have been parsed.
  var optionValues: [(name: String, value: JSON)] {
    Self.properties(of: self).flatMap { name, value -> [(name: String, value: JSON)] in
      switch value {
      case let group as any DeclaredGroup: group.optionValues
      case let option as any DeclaredOption: [(name, option.parameterJSON)]
      default: []
      }
    }
  }

  private static func properties(of command: Self) -> [(name: String, value: Any)] {
    Mirror(reflecting: command).children.compactMap { label, value in
      value is OptionGroup<StageOptions> ? nil : (flagName(label ?? ""), value)
    }
  }
}

/// The flag that ArgumentParser makes of a property: `_baseModelID` is "base-model-id".
private func flagName(_ label: String) -> String {
  let letters = Array(label.drop { $0 == "_" })
  var name = ""
  for (index, letter) in letters.enumerated() {
    let startsWord =
      letter.isUppercase && index > 0
      && (!letters[index - 1].isUppercase || (index + 1 < letters.count && letters[index + 1].isLowercase))
    name += (startsWord ? "-" : "") + letter.lowercased()
  }
  return name
}

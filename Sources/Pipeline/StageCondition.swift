import Failures

/// Whether a stage is part of the pipeline: `when: {method: lora, matrix.rank: [4, 8], quantize: {not: none}}`.
///
/// Every line must hold: the variable has the value, one of the values, or none of those behind `not`.
struct StageCondition {
  private let cursor: YAMLCursor?

  init(_ cursor: YAMLCursor?) { self.cursor = cursor }

  /// - Throws: `Failure.badData` at the place of an unknown variable.
  func holds(_ variables: Variables) throws(Failure) -> Bool {
    for (name, nameCursor, wanted) in try cursor?.members() ?? [] {
      guard let value = variables[name] else {
        throw nameCursor.failure(
          "unknown variable '\(name)'",
          hint: Suggestion.hint(for: name, among: variables.names, calling: "variables"))
      }
      guard try Self.matches(value, wanted, variables) else { return false }
    }
    return true
  }

  private static func matches(
    _ value: String, _ wanted: YAMLCursor, _ variables: Variables
  ) throws(Failure) -> Bool {
    guard case .mapping = wanted.content else { return try isAmong(value, wanted, variables) }
    let members = try wanted.members()
    guard members.count == 1, members[0].key == "not" else {
      throw wanted.failure("expected a value, a list of values or {not: …}")
    }
    return try !isAmong(value, members[0].value, variables)
  }

  private static func isAmong(
    _ value: String, _ wanted: YAMLCursor, _ variables: Variables
  ) throws(Failure) -> Bool {
    if wanted.isNull { return value.isEmpty }
    for element in try wanted.elements() where try variables.text(of: element) == value { return true }
    return false
  }
}

import Checkpoint
import Failures
import JSON
import RegularExpressions

/// A value for the modules whose names end with a pattern: an entry of PEFT's `rank_pattern` or `alpha_pattern`.
package struct ModulePattern: Sendable, Equatable {
  /// A regular expression for a whole name, or for all behind one of its dots.
  package let pattern: String
  package let value: Double

  package init(_ pattern: String, _ value: Double) { (self.pattern, self.value) = (pattern, value) }

  /// The value of the first pattern that fits each module, else the common one.
  static func values(
    _ patterns: [ModulePattern], of modules: [LinearModule], common: Double
  ) throws(Failure) -> [Double] {
    var values = [Double?](repeating: nil, count: modules.count)
    for entry in patterns {
      let expression = try RegularExpression(#"(?:.*\.)?(?:\#(entry.pattern))"#)
      for (index, module) in modules.enumerated() where values[index] == nil {
        if try expression.wholeMatch(module.name) { values[index] = entry.value }
      }
    }
    return values.map { $0 ?? common }
  }

  /// Reads a field of adapter_config.json; absent, null and empty mean no patterns.
  static func read(_ root: JSONCursor, _ name: String) throws(Failure) -> [ModulePattern] {
    guard let field = try root.optional(name) else { return [] }
    return try field.members().map { pattern, value throws(Failure) in ModulePattern(pattern, try value.double()) }
  }

  static func json(_ patterns: [ModulePattern]) -> JSON {
    var object = JSONObject()
    for entry in patterns { object[entry.pattern] = Int(exactly: entry.value).map { .integer($0) } ?? .number(entry.value) }
    return .object(object)
  }
}

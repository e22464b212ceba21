/// What a template may use, so that a hostile one fails instead of hanging or filling the memory.
///
/// Honest templates stay far below: the largest in use takes some ten thousand steps for a long conversation.
enum TemplateLimits {
  /// Bytes of a template.
  static let sourceSize = 1 << 20
  /// Steps of one rendering: one for each expression and statement, and the weight of every value that is made.
  static let steps = 20_000_000
  /// Expressions, statements and macros inside each other while rendering.
  static let depth = 300
  /// The weight of a value: one, one more for every 64 bytes of text in it, and that of its elements.
  static let valueWeight = 1 << 18
  /// Elements of a `range`, as Jinja's sandbox has it.
  static let rangeSize = 100_000

  /// Elements among which every one is compared with every other.
  static let searchSize = 4096

  static var exceeded: TemplateError {
    TemplateError(
      "the template exceeds its limits of time or memory", hint: "it may repeat something without end")
  }

  /// - Throws: when `count` pieces of so many bytes are too much for one value. An element counts as 64 bytes.
  static func check(_ count: Int, of bytes: Int) throws(TemplateError) {
    let (total, overflow) = count.multipliedReportingOverflow(by: bytes)
    guard !overflow, max(count, total) / 64 <= valueWeight else { throw exceeded }
  }
}

extension TemplateValue {
  /// The weight of the value with all that is in it; counting stops above `limit`.
  func weight(limit: Int = TemplateLimits.valueWeight) -> Int {
    switch self {
    case .string(let text): return 1 + text.utf8.count / 64
    case .list(let values), .tuple(let values):
      return values.reduce(1) { $0 > limit ? $0 : $0 + $1.weight(limit: limit - $0) }
    case .dictionary(let dictionary):
      return dictionary.members.reduce(1) {
        $0 > limit ? $0 : $0 + $1.key.weight(limit: limit - $0) + $1.value.weight(limit: limit - $0)
      }
    default: return 1
    }
  }

  /// The weight of the value without what is in its elements: what looking through it once costs.
  var surface: Int {
    switch self {
    case .string(let text): 1 + text.utf8.count / 64
    case .list(let values), .tuple(let values): 1 + values.count
    case .dictionary(let dictionary): 1 + dictionary.members.count
    default: 1
    }
  }
}

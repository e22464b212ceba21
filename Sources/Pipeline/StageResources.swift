import Failures

/// What a stage may take, and what to do when it fails. Nothing of it affects the result, so none of it is in a key.
package struct StageResources: Sendable, Equatable {
  static let keys = ["threads", "memory", "timeout", "retries"]

  /// Cores; nil for an equal share.
  package var threads: Int?
  /// Bytes that it is expected to need; nil for no claim.
  package var memory: Int?
  /// Seconds after which an attempt is stopped.
  package var timeout: Double?
  /// How often it is tried again after a failure.
  package var retries = 0

  package init() {}

  /// Reads `threads: 4`, `memory: 6GB`, `timeout: 2h` and `retries: 2` among a stage's keys.
  init(_ members: YAMLCursor.Members, _ variables: Variables) throws(Failure) {
    for (key, _, value) in members where Self.keys.contains(key) && !value.isNull {
      let text = try variables.text(of: value)
      if text.isEmpty { continue }
      switch key {
      case "threads": threads = try Self.integer(text, 1...1024, key, value)
      case "retries": retries = try Self.integer(text, 0...100, key, value)
      case "memory":
        memory = Quantity.bytes(text)
        if memory == nil { throw value.failure("'\(text)' is no amount of memory", hint: "write 6GB or 512MiB") }
      default:
        timeout = Quantity.seconds(text)
        if timeout == nil { throw value.failure("'\(text)' is no time", hint: "write 90s, 15m, 2h or 1d") }
      }
    }
  }

  private static func integer(
    _ text: String, _ range: ClosedRange<Int>, _ key: String, _ cursor: YAMLCursor
  ) throws(Failure) -> Int {
    guard let value = Int(text), range.contains(value) else {
      throw cursor.failure(
        "'\(key)' must be an integer from \(range.lowerBound) to \(range.upperBound), found '\(text)'")
    }
    return value
  }
}

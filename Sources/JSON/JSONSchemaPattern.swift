import Failures

/// The value of the keyword `pattern`, for the simple patterns that schemas of names and digests need:
/// `^…$` around literal characters, `.`, classes like `[a-z0-9_-]` and the quantifiers `? * + {n} {n,} {n,m}`.
/// Anything else (groups, alternatives, no anchors) is refused when the schema is read.
struct JSONSchemaPattern: Sendable {
  let source: String
  private var parts: [Part] = []

  /// A set of characters, and how many of them may stand in a row.
  private struct Part: Sendable {
    var ranges: [ClosedRange<Unicode.Scalar>]
    var negated = false
    var repetitions = 1...1

    func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar) } != negated }
  }

  /// Quantifiers are unrolled, so their bounds must be small.
  private static let mostRepetitions = 1024

  init(_ cursor: JSONCursor) throws(Failure) {
    source = try cursor.string()
    var rest = source.unicodeScalars[...]
    guard rest.popFirst() == "^", rest.popLast() == "$" else {
      throw cursor.failure("only patterns of the form ^…$ are implemented")
    }
    while let scalar = rest.popFirst() {
      guard var part = Self.part(scalar, &rest), let repetitions = Self.repetitions(&rest) else {
        throw cursor.failure("the pattern \(source) uses what is not implemented here")
      }
      part.repetitions = repetitions
      parts.append(part)
    }
  }

  private static func part(_ scalar: Unicode.Scalar, _ rest: inout Substring.UnicodeScalarView) -> Part? {
    switch scalar {
    case ".": return Part(ranges: ["\n"..."\n", "\r"..."\r"], negated: true)
    case "[": return characterClass(&rest)
    case "\\":
      guard let next = rest.popFirst(), ".\\/[](){}^$|?*+-".unicodeScalars.contains(next) else { return nil }
      return Part(ranges: [next...next])
    case "(", ")", "|", "]", "{", "}", "^", "$", "?", "*", "+": return nil
    default: return Part(ranges: [scalar...scalar])
    }
  }

  private static func characterClass(_ rest: inout Substring.UnicodeScalarView) -> Part? {
    var part = Part(ranges: [])
    if rest.first == "^" {
      part.negated = true
      rest.removeFirst()
    }
    while var low = rest.popFirst(), low != "]" || part.ranges.isEmpty {
      if low == "[" { return nil }
      if low == "\\" {
        guard let next = rest.popFirst(), "\\]^-/.".unicodeScalars.contains(next) else { return nil }
        low = next
      }
      var high = low
      if rest.first == "-", rest.dropFirst().first != "]" {
        rest.removeFirst()
        guard let next = rest.popFirst(), next >= low, next != "\\" else { return nil }
        high = next
      }
      part.ranges.append(low...high)
      if rest.first == "]" { rest.removeFirst(); return part }
    }
    return nil
  }

  private static func repetitions(_ rest: inout Substring.UnicodeScalarView) -> ClosedRange<Int>? {
    switch rest.first {
    case "?": rest.removeFirst(); return 0...1
    case "*": rest.removeFirst(); return 0...Int.max
    case "+": rest.removeFirst(); return 1...Int.max
    case "{":
      guard let end = rest.firstIndex(of: "}") else { return nil }
      let bounds = String(rest[rest.index(after: rest.startIndex)..<end])
        .split(separator: ",", omittingEmptySubsequences: false)
      rest = rest[rest.index(after: end)...]
      guard let low = Int(bounds[0]), (0...mostRepetitions).contains(low), bounds.count <= 2 else {
        return nil
      }
      if bounds.count == 1 { return low...low }
      if bounds[1].isEmpty { return low...Int.max }
      guard let high = Int(bounds[1]), (low...mostRepetitions).contains(high) else { return nil }
      return low...high
    default: return 1...1
    }
  }

  /// Whether the whole of `text` has the form. Takes text length × pattern length steps at most.
  func matches(_ text: String) -> Bool {
    var states = closure(of: [State(part: 0, count: 0)])
    for scalar in text.unicodeScalars {
      var next = Set<State>()
      for state in states where state.part < parts.count && parts[state.part].contains(scalar) {
        // Beyond the least count of an open quantifier, how many came no longer matters.
        let bounds = parts[state.part].repetitions
        let count = bounds.upperBound == Int.max ? min(state.count + 1, bounds.lowerBound) : state.count + 1
        if count <= bounds.upperBound { next.insert(State(part: state.part, count: count)) }
      }
      states = closure(of: next)
      if states.isEmpty { return false }
    }
    return states.contains { $0.part == parts.count }
  }

  /// A place in the pattern: `count` repetitions of a part are behind.
  private struct State: Hashable {
    var part: Int
    var count: Int
  }

  /// The states, and those that are reached from them without reading a character.
  private func closure(of states: Set<State>) -> Set<State> {
    var result = states
    var pending = Array(states)
    while let state = pending.popLast() {
      guard state.part < parts.count, state.count >= parts[state.part].repetitions.lowerBound else {
        continue
      }
      let next = State(part: state.part + 1, count: 0)
      if result.insert(next).inserted { pending.append(next) }
    }
    return result
  }
}

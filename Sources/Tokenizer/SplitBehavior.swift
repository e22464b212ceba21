/// What becomes of the matches of a pattern at which a text is split.
enum SplitBehavior: String, Sendable, CaseIterable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// The pieces of `0..<count`, in order and without the empty ones.
  ///
  /// - Parameters:
  ///   - matches: what the pattern found, from left to right.
  ///   - inverted: whether what lies between the matches counts as matched, and the matches as text between.
  func pieces(matches: [Range<Int>], count: Int, inverted: Bool) -> [Range<Int>] {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    var end = 0
    for match in matches {
      if end < match.lowerBound { parts.append((end..<match.lowerBound, inverted)) }
      parts.append((match, !inverted))
      end = match.upperBound
    }
    if end < count { parts.append((end..<count, inverted)) }
    return pieces(parts).filter { !$0.isEmpty }
  }

  private func pieces(_ parts: [(range: Range<Int>, isMatch: Bool)]) -> [Range<Int>] {
    switch self {
    case .removed: return parts.filter { !$0.isMatch }.map(\.range)
    case .isolated: return parts.map(\.range)
    case .contiguous: return Self.joined(parts) { $0 == $1 }
    case .mergedWithPrevious: return Self.joined(parts) { !$0 && $1 }
    case .mergedWithNext: return Self.joined(parts.reversed()) { !$0 && $1 }.reversed()
    }
  }

  /// Joins each part with the one before it where `joins` says so of whether the two are matches.
  private static func joined(
    _ parts: [(range: Range<Int>, isMatch: Bool)], where joins: (_ before: Bool, _ this: Bool) -> Bool
  ) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var before = false
    for (range, isMatch) in parts {
      if joins(before, isMatch), let last = result.popLast() {
        result.append(min(last.lowerBound, range.lowerBound)..<max(last.upperBound, range.upperBound))
      } else {
        result.append(range)
      }
      before = isMatch
    }
    return result
  }
}

/// Filters on sequences.
extension TemplateFilter {
  /// Filters that take a sequence apart or put one together.
  func sequence(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue?
  {
    switch self {
    case .length: return .integer(try value.length())
    case .count: return .integer(try value.length())
    case .list: return .list(try value.elements())
    case .items:
      if value.isUndefined { return .iterator(TemplateIterator([])) }
      guard case .dictionary(let dictionary) = value else {
        throw TemplateError("items expects a mapping, found '\(value.typeName)'")
      }
      return .iterator(TemplateIterator(dictionary.members.map { .tuple([$0.key, $0.value]) }))
    case .first:
      if case .iterator(let iterator) = value {
        return iterator.next() ?? .undefined("the sequence is empty")
      }
      return try value.elements().first ?? .undefined("the sequence is empty")
    case .last:
      if case .iterator = value { throw TemplateError("'generator' object is not reversible") }
      return try value.elements().last ?? .undefined("the sequence is empty")
    case .reverse:
      if case .string(let text) = value { return PythonString(PythonString(text).scalars.reversed()).value }
      let reversed = Array(try value.elements().reversed())
      if case .iterator = value { return .list(reversed) }
      return .iterator(TemplateIterator(reversed))
    case .join:
      let bound = try arguments.bind("join", "d", "attribute")
      let key = try SortKey(bound[1], ignoresCase: false)
      var parts: [String] = []
      var size = 0
      for element in try value.elements() {
        parts.append(try key.first(element).text)
        size += parts[parts.count - 1].utf8.count
        guard size / 64 <= TemplateLimits.valueWeight else { throw TemplateLimits.exceeded }
      }
      let separator = bound[0]?.text ?? ""
      try TemplateLimits.check(parts.count, of: separator.utf8.count)
      return .string(parts.joined(separator: separator))
    case .batch:
      let bound = try arguments.bind("batch", "linecount", "fill_with")
      let size = try bound.integer(0, of: "batch")
      guard size > 0 else { throw TemplateError("batch expects a positive size") }
      try TemplateLimits.check(size, of: 64)
      let all = try value.elements()
      var batches = stride(from: 0, to: all.count, by: size).map {
        Array(all[$0..<Swift.min($0 + size, all.count)])
      }
      if let fill = bound[1], let last = batches.popLast() {
        batches.append(last + Array(repeating: fill, count: size - last.count))
      }
      return .iterator(TemplateIterator(batches.map { TemplateValue.list($0) }))
    case .slice:
      let bound = try arguments.bind("slice", "slices", "fill_with")
      return try Self.sliced(try value.elements(), try bound.integer(0, of: "slice"), fill: bound[1])
    default: return nil
    }
  }

  /// Filters that sort, compare or add up.
  func ordered(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue?
  {
    switch self {
    case .sort:
      let bound = try arguments.bind("sort", "reverse", "case_sensitive", "attribute")
      let key = try SortKey(bound[2], ignoresCase: !bound.isTrue(1))
      return .list(try key.sorted(try value.elements(), descending: bound.isTrue(0)))
    case .dictsort:
      let bound = try arguments.bind("dictsort", "case_sensitive", "by", "reverse")
      guard case .dictionary(let dictionary) = value else {
        throw TemplateError("dictsort expects a mapping, found '\(value.typeName)'")
      }
      let by = bound[1]?.text ?? "key"
      guard by == "key" || by == "value" else { throw TemplateError("dictsort: sort by 'key' or 'value'") }
      let key = try SortKey(.integer(by == "key" ? 0 : 1), ignoresCase: !bound.isTrue(0))
      let pairs = dictionary.members.map { TemplateValue.tuple([$0.key, $0.value]) }
      return .list(try key.sorted(pairs, descending: bound.isTrue(2)))
    case .unique:
      let bound = try arguments.bind("unique", "case_sensitive", "attribute")
      let key = try SortKey(bound[1], ignoresCase: !bound.isTrue(0))
      var seen = TemplateDictionary()
      var kept: [TemplateValue] = []
      for element in try value.elements() {
        guard kept.count <= TemplateLimits.searchSize else { throw TemplateLimits.exceeded }
        let found = try key.first(element)
        guard seen[found] == nil else { continue }
        seen[found] = .null
        kept.append(element)
      }
      return .iterator(TemplateIterator(kept))
    case .min: return try Self.extreme(value, arguments, "min")
    case .max: return try Self.extreme(value, arguments, "max")
    case .sum:
      let bound = try arguments.bind("sum", "attribute", "start")
      let key = try SortKey(bound[0], ignoresCase: false)
      var sum = bound[1] ?? .integer(0)
      for element in try value.elements() {
        sum = try sum.applying(.add, try key.first(element))
        guard sum.surface <= TemplateLimits.searchSize else { throw TemplateLimits.exceeded }
      }
      return sum
    default: return nil
    }
  }

  private static func sliced(
    _ all: [TemplateValue], _ count: Int, fill: TemplateValue?
  ) throws(TemplateError) -> TemplateValue {
    guard count > 0 else { throw TemplateError("slice expects a positive number") }
    try TemplateLimits.check(count, of: 64)
    var slices: [TemplateValue] = []
    var start = 0
    for number in 0..<count {
      let isLonger = number < all.count % count
      let end = start + all.count / count + (isLonger ? 1 : 0)
      slices.append(.list(Array(all[start..<end]) + (isLonger ? [] : fill.map { [$0] } ?? [])))
      start = end
    }
    return .iterator(TemplateIterator(slices))
  }

  private static func extreme(
    _ value: TemplateValue, _ arguments: TemplateArguments, _ name: String
  ) throws(TemplateError) -> TemplateValue {
    let bound = try arguments.bind(name, "case_sensitive", "attribute")
    let key = try SortKey(bound[1], ignoresCase: !bound.isTrue(0))
    let all = try value.elements()
    guard var best = all.first else { return .undefined("the sequence is empty") }
    for element in all.dropFirst() {
      let (new, old) = (try key.first(element), try key.first(best))
      if name == "min" ? try new.isLess(than: old) : try old.isLess(than: new) { best = element }
    }
    return best
  }
}

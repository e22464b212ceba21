/// A text as Python sees it: a sequence of code points.
struct PythonString {
  let string: String
  let scalars: [Unicode.Scalar]

  init(_ string: String) {
    (self.string, scalars) = (string, Array(string.unicodeScalars))
  }

  init(_ scalars: [Unicode.Scalar]) {
    (string, self.scalars) = (String(String.UnicodeScalarView(scalars)), scalars)
  }

  private init(_ scalars: ArraySlice<Unicode.Scalar>) { self.init(Array(scalars)) }

  var value: TemplateValue { .string(string) }

  /// - Parameter characters: what is taken off the ends; white space when nil.
  func stripped(_ characters: String? = nil, left: Bool = true, right: Bool = true) -> PythonString {
    let set = characters.map { Set($0.unicodeScalars) }
    let isTaken: (Unicode.Scalar) -> Bool = { scalar in set?.contains(scalar) ?? scalar.isPythonSpace }
    var rest = scalars[...]
    if left { rest = rest.drop(while: isTaken) }
    if right { while let last = rest.last, isTaken(last) { rest.removeLast() } }
    return PythonString(rest)
  }

  /// Where `part` stands.
  func occurrences(of part: String, overlapping: Bool = false) -> [Int] {
    scalars.places(of: Array(part.unicodeScalars), overlapping: overlapping)
  }

  /// - Parameter limit: how many are replaced; all when negative.
  func replacing(_ old: String, by new: String, atMost limit: Int = -1) -> PythonString {
    let places = occurrences(of: old)
    let length = old.unicodeScalars.count
    var result: [Unicode.Scalar] = []
    var end = 0
    for place in limit < 0 ? places[...] : places.prefix(limit) {
      result += scalars[end..<place]
      result += Array(new.unicodeScalars)
      end = place + length
    }
    return PythonString(result + scalars[end...])
  }

  func removing(prefix: String) -> PythonString {
    let part = Array(prefix.unicodeScalars)
    return scalars.starts(with: part) ? PythonString(scalars.dropFirst(part.count)) : self
  }

  func removing(suffix: String) -> PythonString {
    let part = Array(suffix.unicodeScalars)
    return scalars.suffix(part.count).elementsEqual(part) ? PythonString(scalars.dropLast(part.count)) : self
  }

  /// - Parameters:
  ///   - separator: runs of white space when nil.
  ///   - limit: how many cuts are made; as many as there are when negative.
  func split(_ separator: String?, atMost limit: Int = -1, fromEnd: Bool = false) -> [PythonString] {
    guard let separator else { return words(atMost: limit, fromEnd: fromEnd) }
    var places = occurrences(of: separator)
    if limit >= 0 { places = fromEnd ? places.suffix(limit) : Array(places.prefix(limit)) }
    var parts: [PythonString] = []
    var start = 0
    for place in places {
      parts.append(PythonString(scalars[start..<place]))
      start = place + separator.unicodeScalars.count
    }
    return parts + [PythonString(scalars[start...])]
  }

  private func words(atMost limit: Int, fromEnd: Bool) -> [PythonString] {
    if fromEnd {
      return PythonString(scalars.reversed()).words(atMost: limit, fromEnd: false).reversed().map {
        PythonString($0.scalars.reversed())
      }
    }
    var parts: [PythonString] = []
    var rest = scalars[...]
    while true {
      rest = rest.drop(while: \.isPythonSpace)
      if rest.isEmpty { return parts }
      if limit >= 0, parts.count == limit {
        return parts + [PythonString(rest)]
      }
      let word = rest.prefix { !$0.isPythonSpace }
      parts.append(PythonString(word))
      rest = rest.dropFirst(word.count)
    }
  }

  func partitioned(_ separator: String, fromEnd: Bool) -> [PythonString] {
    let places = occurrences(of: separator)
    guard let place = fromEnd ? places.last : places.first else {
      let empty = PythonString("")
      return fromEnd ? [empty, empty, self] : [self, empty, empty]
    }
    return [
      PythonString(scalars[..<place]), PythonString(separator),
      PythonString(scalars[(place + separator.unicodeScalars.count)...]),
    ]
  }

  private static let lineEnds: Set<Unicode.Scalar> = [
    "\n", "\r", "\u{0B}", "\u{0C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}",
  ]

  func lines(keepsEnds: Bool = false) -> [PythonString] {
    var lines: [PythonString] = []
    var rest = scalars[...]
    while !rest.isEmpty {
      let line = rest.prefix { !Self.lineEnds.contains($0) }
      rest = rest.dropFirst(line.count)
      let end = rest.starts(with: ["\r", "\n"]) ? rest.prefix(2) : rest.prefix(1)
      rest = rest.dropFirst(end.count)
      lines.append(PythonString(keepsEnds ? line + end : line))
    }
    return lines
  }

  func centered(_ width: Int, _ fill: String = " ") -> String {
    let missing = max(width - scalars.count, 0)
    // Python's rule for where the odd one goes.
    let left = missing / 2 + (missing & width & 1)
    return String(repeating: fill, count: left) + string + String(repeating: fill, count: missing - left)
  }

  var capitalized: PythonString {
    let first = scalars.first.map { $0.properties.titlecaseMapping } ?? ""
    return PythonString(first + PythonString(scalars.dropFirst()).string.lowercased())
  }

  /// Every letter after something that is none in title case, the others in lower case.
  var titled: PythonString {
    var result = ""
    var isInside = false
    for scalar in scalars {
      let properties = scalar.properties
      result += isInside ? properties.lowercaseMapping : properties.titlecaseMapping
      isInside = properties.isCased
    }
    return PythonString(result)
  }
}

import Failures

/// Translates a regular expression of a tokenizer.json, which is in Oniguruma's Ruby syntax, to PCRE2's.
///
/// Where the two read the same text differently it is rewritten; what has no equivalent is refused, so that no
/// pattern is ever silently understood in another sense.
struct OnigurumaPattern {
  /// White space as Oniguruma has it; PCRE2's `\s` would add U+180E.
  private static let space =
    #"\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"#
  /// Word characters as Oniguruma has them; PCRE2's `\w` has no marks but all numbers.
  private static let word = #"\p{L}\p{M}\p{Nd}\p{Pc}"#
  private static let hexadecimal = "0-9A-Fa-f"
  /// What may follow `(?`, beside the flags i and x.
  private static let groups = [":", "=", "!", ">", "#", "<=", "<!"]

  private let pattern: [Unicode.Scalar]
  private var index = 0
  private var output = "(?m)"  // Ruby's ^ and $ always stand at lines

  /// What is not understood.
  struct Unsupported: Error { let what: String }

  /// The pattern in PCRE2's syntax.
  static func translated(_ pattern: String) throws(Unsupported) -> String {
    var translation = OnigurumaPattern(pattern: Array(pattern.unicodeScalars))
    while let scalar = translation.peek() { try translation.translate(scalar) }
    return translation.output
  }

  private init(pattern: [Unicode.Scalar]) { self.pattern = pattern }

  private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    index + offset < pattern.count ? pattern[index + offset] : nil
  }

  private mutating func copy(_ count: Int = 1) {
    for _ in 0..<count {
      guard let scalar = peek() else { return }
      output.unicodeScalars.append(scalar)
      index += 1
    }
  }

  private func stands(_ text: String, at offset: Int = 0) -> Bool {
    text.unicodeScalars.enumerated().allSatisfy { peek(offset + $0) == $1 }
  }

  private mutating func translate(_ scalar: Unicode.Scalar) throws(Unsupported) {
    switch scalar {
    case "\\": try translateEscape(inClass: false)
    case "[": try translateClass()
    case "(": try translateGroup()
    case "{" where stands("{,"):
      output += "{0,"
      index += 2
    case "}" where peek(1) == "+": throw Unsupported(what: "'+' after an interval '{…}'")
    default: copy()
    }
  }

  private mutating func translateGroup() throws(Unsupported) {
    if peek(1) == "*" { throw Unsupported(what: "'(*'") }
    copy()
    guard peek() == "?" else { return }
    guard !Self.groups.contains(where: { stands($0, at: 1) }) else { return copy(2) }
    var length = 1
    while let flag = peek(length), ["i", "x", "-"].contains(flag) { length += 1 }
    guard length > 1, peek(length) == ":" || peek(length) == ")" else {
      throw Unsupported(what: "the group '(?\(peek(1).map(String.init) ?? "")'")
    }
    copy(length + 1)
  }

  private mutating func translateClass() throws(Unsupported) {
    copy()
    if peek() == "^" { copy() }
    if peek() == "]" { throw Unsupported(what: "']' first in a class") }
    while let scalar = peek() {
      switch scalar {
      case "]": return copy()
      case "[": throw Unsupported(what: "'[' inside a class")
      case "&" where peek(1) == "&": throw Unsupported(what: "'&&' inside a class")
      case "\\": try translateEscape(inClass: true)
      default: copy()
      }
    }
  }

  private mutating func translateEscape(inClass: Bool) throws(Unsupported) {
    guard let letter = peek(1) else { return copy() }
    switch letter {
    case "s": replace(by: Self.space, inClass: inClass)
    case "w": replace(by: Self.word, inClass: inClass)
    case "h": replace(by: Self.hexadecimal, inClass: inClass)
    case "S" where inClass: replace(by: #"\S\x{180E}"#, inClass: true)
    case "S" where !inClass: replace(by: "^" + Self.space, inClass: false)
    case "W" where !inClass: replace(by: "^" + Self.word, inClass: false)
    case "H" where !inClass: replace(by: "^" + Self.hexadecimal, inClass: false)
    case "v": replace(by: #"\x0B"#, inClass: true)
    case "u": try translateCodePoint()
    case "b" where inClass: copy(2)
    case "p", "P", "x": copyBraced()
    case "d", "D", "n", "r", "t", "f", "a", "e", "A", "z", "Z", "0"..."9": copy(2)
    case "a"..."z", "A"..."Z":
      throw Unsupported(what: "the escape '\\\(letter)'\(inClass ? " inside a class" : "")")
    default: copy(2)
    }
  }

  private mutating func replace(by members: String, inClass: Bool) {
    output += inClass ? members : "[\(members)]"
    index += 2
  }

  /// `\p{…}`, `\P{…}` or `\x{…}`, or their forms without braces.
  private mutating func copyBraced() {
    copy(2)
    guard peek() == "{" else { return }
    while let scalar = peek() {
      copy()
      if scalar == "}" { return }
    }
  }

  /// `\uHHHH`.
  private mutating func translateCodePoint() throws(Unsupported) {
    let digits = (2..<6).compactMap { peek($0) }.filter(\.properties.isASCIIHexDigit)
    guard digits.count == 4 else { throw Unsupported(what: #"'\u' without four hexadecimal digits"#) }
    output += "\\x{\(String(String.UnicodeScalarView(digits)))}"
    index += 6
  }
}

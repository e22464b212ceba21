/// Cuts a template into tokens as Jinja does with `trim_blocks` and `lstrip_blocks`, which is how transformers reads
/// chat templates: a block takes the line break after it and the indentation before it, `-` takes all white space on
/// its side, `+` keeps what would be taken.
struct TemplateLexer {
  let source: [Unicode.Scalar]
  var index = 0
  var line = 1
  var tokens: [TemplateToken] = []
  /// Whether a line starts where the next text starts, so that indentation can be taken.
  private var atLineStart = true
  /// Closing brackets that are awaited inside a tag.
  private var brackets: [Unicode.Scalar] = []

  static func tokens(_ source: String) throws(TemplateError) -> [TemplateToken] {
    var lexer = TemplateLexer(source)
    while lexer.index < lexer.source.count { try lexer.readText() }
    lexer.emit(.end)
    return lexer.tokens
  }

  /// Line breaks become `\n`; the last one is not part of the template.
  private init(_ source: String) {
    var scalars: [Unicode.Scalar] = []
    for scalar in source.unicodeScalars {
      if scalar == "\n", scalars.last == "\r" { scalars.removeLast() }
      scalars.append(scalar)
    }
    scalars = scalars.map { $0 == "\r" ? "\n" : $0 }
    if scalars.last == "\n" { scalars.removeLast() }
    self.source = scalars
  }

  func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    index + offset < source.count ? source[index + offset] : nil
  }

  func stands(_ text: String, at offset: Int = 0) -> Bool {
    text.unicodeScalars.enumerated().allSatisfy { peek(offset + $0) == $1 }
  }

  mutating func emit(_ kind: TemplateToken.Kind) { tokens.append(TemplateToken(kind: kind, line: line)) }

  func error(_ message: String) -> TemplateError { TemplateError(message, line: line) }

  /// Goes on by `count` scalars and counts their line breaks.
  mutating func advance(_ count: Int = 1) {
    for _ in 0..<min(count, source.count - index) {
      if source[index] == "\n" { line += 1 }
      index += 1
    }
  }

  mutating func skipSpace() {
    while let scalar = peek(), scalar.isPythonSpace { advance() }
  }
}

// MARK: - Text and the tags in it

extension TemplateLexer {
  private enum Tag { case block, variable, comment }

  /// The tag that begins at `offset`, if one does.
  private func tag(at offset: Int) -> Tag? {
    guard peek(offset) == "{" else { return nil }
    return switch peek(offset + 1) {
    case "%": .block
    case "{": .variable
    case "#": .comment
    default: nil
    }
  }

  /// Reads the text up to the next tag, and the tag.
  private mutating func readText() throws(TemplateError) {
    var length = 0
    while index + length < source.count, tag(at: length) == nil { length += 1 }
    guard let tag = tag(at: length) else {
      emitText(length, tag: nil, sign: nil)
      return
    }
    let sign = peek(length + 2)
    emitText(length, tag: tag, sign: sign)
    if tag == .block, try readRaw() { return }
    advance(sign == "-" || sign == "+" ? 3 : 2)
    switch tag {
    case .comment: try readComment()
    case .block:
      emit(.blockBegin)
      try readTag(closing: "%}", .blockEnd)
    case .variable:
      emit(.variableBegin)
      try readTag(closing: "}}", .variableEnd)
    }
  }

  /// Gives out the text before a tag without the white space that the tag takes.
  private mutating func emitText(_ length: Int, tag: Tag?, sign: Unicode.Scalar?) {
    var text = source[index..<index + length]
    if sign == "-", tag != nil {
      while text.last?.isPythonSpace == true { text.removeLast() }
    } else if sign != "+", let tag, tag != .variable {
      let lineStart = text.lastIndex(of: "\n").map { $0 + 1 }
      if let start = lineStart ?? (atLineStart ? text.startIndex : nil),
        text[start...].allSatisfy(\.isPythonSpace)
      {
        text = text[..<start]
      }
    }
    if !text.isEmpty { emit(.data(String(String.UnicodeScalarView(text)))) }
    advance(length)
  }

  /// Ends a tag: takes the white space that its end takes.
  private mutating func close(_ sign: Unicode.Scalar?, trimsLineBreak: Bool) {
    let end = index
    if sign == "-" {
      skipSpace()
    } else if sign != "+", trimsLineBreak, peek() == "\n" {
      advance()
    }
    atLineStart = index > end && source[index - 1] == "\n"
  }

  private mutating func readComment() throws(TemplateError) {
    let start = line
    while index < source.count {
      if stands("#}") {
        let sign = index > 0 ? source[index - 1] : nil
        advance(2)
        return close(sign, trimsLineBreak: true)
      }
      advance()
    }
    throw TemplateError("the comment is not closed with '#}'", line: start)
  }

  /// The length of `{%`, a sign, white space, `word`, white space, a sign and `%}` from `offset` on; with the last sign.
  private func rawTag(_ word: String, at offset: Int) -> (
    length: Int, opening: Unicode.Scalar?, sign: Unicode.Scalar?
  )? {
    guard stands("{%", at: offset) else { return nil }
    var place = offset + 2
    let opening = peek(place)
    if opening == "-" || opening == "+" { place += 1 }
    while peek(place)?.isPythonSpace == true { place += 1 }
    guard stands(word, at: place) else { return nil }
    place += word.unicodeScalars.count
    while peek(place)?.isPythonSpace == true { place += 1 }
    let sign = peek(place)
    if sign == "-" || sign == "+" { place += 1 }
    guard stands("%}", at: place) else { return nil }
    return (place + 2 - offset, opening, sign)
  }

  /// Reads `{% raw %}…{% endraw %}`, when that is what stands here.
  private mutating func readRaw() throws(TemplateError) -> Bool {
    guard let begin = rawTag("raw", at: 0), begin.sign != "+" else { return false }
    advance(begin.length)
    close(begin.sign, trimsLineBreak: false)
    var length = 0
    while index + length < source.count {
      if let end = rawTag("endraw", at: length) {
        emitText(length, tag: .block, sign: end.opening)
        advance(end.length)
        close(end.sign, trimsLineBreak: true)
        return true
      }
      length += 1
    }
    throw error("'raw' is not closed with 'endraw'")
  }
}

// MARK: - Inside a tag

extension TemplateLexer {
  /// From the longest to the shortest, so that `==` is not read as two `=`.
  private static let symbols = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=",
    ".", ":", "|", ",", ";",
  ]

  private mutating func readTag(closing: String, _ end: TemplateToken.Kind) throws(TemplateError) {
    let start = line
    while index < source.count {
      skipSpace()
      if brackets.isEmpty, let sign = sign(before: closing) {
        emit(end)
        advance(closing.count + (sign == nil ? 0 : 1))
        return close(sign, trimsLineBreak: end == .blockEnd)
      }
      try readExpressionToken()
    }
    throw TemplateError("the tag is not closed with '\(closing)'", line: start)
  }

  /// The sign of the tag's end when the end stands here; nil in nil when it stands here without a sign.
  private func sign(before closing: String) -> Unicode.Scalar?? {
    if stands(closing) { return .some(nil) }
    guard let sign = peek(), sign == "-" || sign == "+" && closing == "%}", stands(closing, at: 1) else {
      return nil
    }
    return sign
  }

  private mutating func readExpressionToken() throws(TemplateError) {
    guard let scalar = peek() else { return }
    if scalar == "'" || scalar == "\"" { return try readString(scalar) }
    if scalar.isDigit { return try readNumber() }
    if scalar.startsName { return readName() }
    guard let symbol = Self.symbols.first(where: { stands($0) }) else {
      throw error("unexpected character '\(scalar)'")
    }
    try balance(symbol)
    emit(.symbol(symbol))
    advance(symbol.count)
  }

  private mutating func balance(_ symbol: String) throws(TemplateError) {
    switch symbol {
    case "(": brackets.append(")")
    case "[": brackets.append("]")
    case "{": brackets.append("}")
    case ")", "]", "}":
      guard let expected = brackets.popLast() else { throw error("unexpected '\(symbol)'") }
      guard symbol == String(expected) else { throw error("unexpected '\(symbol)', expected '\(expected)'") }
    default: break
    }
  }

  private mutating func readName() {
    var length = 1
    while let scalar = peek(length), scalar.continuesName { length += 1 }
    emit(.name(String(String.UnicodeScalarView(source[index..<index + length]))))
    advance(length)
  }
}

extension Unicode.Scalar {
  /// White space as Python's `str.isspace` has it.
  var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }
  var isDigit: Bool { ("0"..."9").contains(self) }
  fileprivate var startsName: Bool { self == "_" || properties.isXIDStart }
  fileprivate var continuesName: Bool { self == "_" || properties.isXIDContinue }
}

extension TemplateLexer {
  /// Reads a whole number or a decimal one; digits may be grouped with `_`.
  mutating func readNumber() throws(TemplateError) {
    var text = ""
    func digits(from place: Int) -> Int {
      var length = place
      while let scalar = peek(length), scalar.isDigit || scalar == "_" && peek(length + 1)?.isDigit == true {
        length += 1
      }
      return length
    }
    var length = digits(from: 0)
    var isFloat = false
    if peek(length) == ".", peek(length + 1)?.isDigit == true, tokens.last?.kind != .symbol(".") {
      (length, isFloat) = (digits(from: length + 1), true)
    }
    if let letter = peek(length), letter == "e" || letter == "E" {
      let start = length + (peek(length + 1) == "-" || peek(length + 1) == "+" ? 2 : 1)
      if peek(start)?.isDigit == true { (length, isFloat) = (digits(from: start), true) }
    }
    text.unicodeScalars.append(contentsOf: source[index..<index + length].filter { $0 != "_" })
    try emitNumber(text, isFloat: isFloat)
    advance(length)
  }

  private mutating func emitNumber(_ text: String, isFloat: Bool) throws(TemplateError) {
    if isFloat, let value = Double(text) { return emit(.float(value)) }
    guard text == "0" || !text.hasPrefix("0") || text.allSatisfy({ $0 == "0" }) else {
      throw error("the number \(text) starts with 0")
    }
    guard let value = Int(text) else { throw error("the number \(text) is too large") }
    emit(.integer(value))
  }

  /// Reads a string in quotes with Python's escapes.
  mutating func readString(_ quote: Unicode.Scalar) throws(TemplateError) {
    let start = line
    var text = String.UnicodeScalarView()
    var length = 1
    while let scalar = peek(length), scalar != quote {
      if scalar == "\\" {
        let (scalars, taken) = try escape(at: length)
        text.append(contentsOf: scalars)
        length += taken
      } else {
        text.append(scalar)
        length += 1
      }
    }
    guard peek(length) == quote else { throw TemplateError("the string is not closed", line: start) }
    emit(.string(String(text)))
    advance(length + 1)
  }

  private static let simpleEscapes: [Unicode.Scalar: Unicode.Scalar] = [
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{07}", "b": "\u{08}",
    "f": "\u{0C}",
    "v": "\u{0B}",
  ]

  /// What the escape at `offset` stands for, and its length; an unknown one stands for itself.
  private func escape(at offset: Int) throws(TemplateError) -> ([Unicode.Scalar], Int) {
    guard let letter = peek(offset + 1) else { throw error("the string is not closed") }
    if let scalar = Self.simpleEscapes[letter] { return ([scalar], 2) }
    switch letter {
    case "\n": return ([], 2)
    case "x": return try numeric(at: offset + 2, digits: 2)
    case "u": return try numeric(at: offset + 2, digits: 4)
    case "U": return try numeric(at: offset + 2, digits: 8)
    case "0"..."7":
      let digits = (1...3).prefix { ("0"..."7").contains(peek(offset + $0) ?? "x") }
      let value = digits.reduce(UInt32(0)) { $0 * 8 + ((peek(offset + $1)?.value ?? 0x30) - 0x30) }
      return ([Unicode.Scalar(value) ?? "\u{FFFD}"], 1 + digits.count)
    case "N": throw error("the escape '\\N' is not supported")
    default: return (["\\", letter], 2)
    }
  }

  private func numeric(at offset: Int, digits: Int) throws(TemplateError) -> ([Unicode.Scalar], Int) {
    var value: UInt32 = 0
    for place in offset..<offset + digits {
      guard let digit = peek(place).flatMap({ Character($0).hexDigitValue }) else {
        throw error("expected \(digits) hexadecimal digits after '\\'")
      }
      value = value << 4 | UInt32(digit)
    }
    guard let scalar = Unicode.Scalar(value) else { throw error("an escape stands for no character") }
    return ([scalar], 2 + digits)
  }
}

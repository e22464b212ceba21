extension JSON {
  /// The value as JSON text for people: members in their order, one a line, `indent` spaces a level;
  /// with an indent of 0 all on one line and without spaces. Ends without a line break.
  ///
  /// Numbers are in ECMAScript's form; one that is not finite becomes `null`, as `JSON.stringify` has it.
  /// - Parameter keepingFloats: whether a double that is whole gets a ".0", for readers that tell `50.0` from `50`.
  package func text(indent: Int = 2, keepingFloats: Bool = false) -> String {
    var output: [UInt8] = []
    appendText(to: &output, indent: max(indent, 0), level: 0, keepingFloats: keepingFloats)
    return String(decoding: output, as: UTF8.self)
  }

  private func appendText(to output: inout [UInt8], indent: Int, level: Int, keepingFloats: Bool) {
    switch self {
    case .array(let elements) where !elements.isEmpty:
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        Self.appendBreak(to: &output, indent: indent, level: level + 1, comma: index > 0)
        element.appendText(to: &output, indent: indent, level: level + 1, keepingFloats: keepingFloats)
      }
      Self.appendBreak(to: &output, indent: indent, level: level, comma: false)
      output.append(UInt8(ascii: "]"))
    case .object(let object) where !object.isEmpty:
      output.append(UInt8(ascii: "{"))
      for (index, member) in object.members.enumerated() {
        Self.appendBreak(to: &output, indent: indent, level: level + 1, comma: index > 0)
        JSON.string(member.key).appendScalar(to: &output)
        output.append(contentsOf: (indent > 0 ? ": " : ":").utf8)
        member.value.appendText(to: &output, indent: indent, level: level + 1, keepingFloats: keepingFloats)
      }
      Self.appendBreak(to: &output, indent: indent, level: level, comma: false)
      output.append(UInt8(ascii: "}"))
    case .number(let value) where keepingFloats && value.magnitude < 1e21 && value == value.rounded():
      output.append(contentsOf: (ECMAScriptNumber.text(value) + ".0").utf8)
    default:
      appendScalar(to: &output)
    }
  }

  private static func appendBreak(to output: inout [UInt8], indent: Int, level: Int, comma: Bool) {
    if comma { output.append(UInt8(ascii: ",")) }
    guard indent > 0 else { return }
    output.append(UInt8(ascii: "\n"))
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * level))
  }

  /// Appends a value that has no members or elements, in the one form that all writers share.
  func appendScalar(to output: inout [UInt8]) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): output.append(contentsOf: String(value).utf8)
    case .number(let value):
      output.append(contentsOf: (value.isFinite ? ECMAScriptNumber.text(value) : "null").utf8)
    case .string(let value): Self.appendQuoted(value, to: &output)
    case .array: output.append(contentsOf: "[]".utf8)
    case .object: output.append(contentsOf: "{}".utf8)
    }
  }

  /// Escapes only what must be escaped (RFC 8785 §3.2.2.2); everything else stays UTF-8.
  private static func appendQuoted(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0x08: output.append(contentsOf: "\\b".utf8)
      case 0x09: output.append(contentsOf: "\\t".utf8)
      case 0x0A: output.append(contentsOf: "\\n".utf8)
      case 0x0C: output.append(contentsOf: "\\f".utf8)
      case 0x0D: output.append(contentsOf: "\\r".utf8)
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        output.append(contentsOf: (digits.utf8.count == 1 ? "\\u000" : "\\u00").utf8)
        output.append(contentsOf: digits.utf8)
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}

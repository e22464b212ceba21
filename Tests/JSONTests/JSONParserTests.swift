import Failures
import JSON
import TestSupport
import Testing

private func parse(_ text: String) throws(Failure) -> JSON { try JSONDocument(text, source: "f.json").root }

@Test(arguments: [
  ("", "1:1: not valid JSON: unexpected end of the text"),
  ("{", "1:2: not valid JSON: unexpected end of the text"),
  ("{} x", "1:4: not valid JSON: text after the end of the JSON value"),
  ("[1,]", "1:4: not valid JSON: expected a JSON value"),
  ("[1 2]", "1:4: not valid JSON: expected ',' or ']'"),
  ("{\"a\":1,}", "1:8: not valid JSON: expected a string as the key"),
  ("{\"a\" 1}", "1:6: not valid JSON: expected ':' after the key"),
  ("{\"a\":1 \"b\"}", "1:8: not valid JSON: expected ',' or '}'"),
  ("{\n  \"a\": 1,\n  \"a\": 2\n}", "3:3: not valid JSON: the key 'a' appears twice"),
  ("[\"é\", nope]", "1:7: not valid JSON: expected a JSON value"),
  ("tru", "1:1: not valid JSON: expected a JSON value"),
  ("NaN", "1:1: not valid JSON: expected a JSON value"),
  ("01", "1:1: not valid JSON: a number must not start with 0"),
  ("-", "1:2: not valid JSON: expected a digit"),
  ("1.", "1:3: not valid JSON: expected a digit after the decimal point"),
  ("1e+", "1:4: not valid JSON: expected a digit in the exponent"),
  ("1e400", "1:1: not valid JSON: the number 1e400 is too large"),
  ("\"a", "1:1: not valid JSON: the string is not closed"),
  ("\"a\nb\"", "1:3: not valid JSON: a control character inside a string must be escaped"),
  ("\"\\x\"", "1:3: not valid JSON: unknown escape"),
  ("\"\\u12g4\"", "1:4: not valid JSON: expected four hexadecimal digits"),
  ("\"\\u-000\"", "1:4: not valid JSON: expected four hexadecimal digits"),
  ("\"\\u+123\"", "1:4: not valid JSON: expected four hexadecimal digits"),
  ("\"\\ud800\"", "1:4: not valid JSON: half of a surrogate pair"),
  ("\"\\ude00\"", "1:4: not valid JSON: half of a surrogate pair"),
  ("\"\\ud83d\\u0041\"", "1:4: not valid JSON: half of a surrogate pair"),
])
func aSyntaxErrorSaysWhereAndWhat(text: String, message: String) {
  #expect(throws: Failure(.badData, "f.json:" + message)) { try parse(text) }
}

@Test func bytesThatAreNotUTF8AreRefused() {
  #expect(throws: Failure(.badData, "f.json:1:2: not valid JSON: the string is not valid UTF-8")) {
    try JSONDocument([0x5B, 0x22, 0xFF, 0x22, 0x5D], source: "f.json")
  }
  #expect(throws: Failure.self) { try JSONDocument([0x22, 0xED, 0xA0, 0x80, 0x22], source: "f.json") }
}

@Test func nestingHasALimit() throws {
  let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
  #expect(try parse(deep(256)).arrayValue?.count == 1)
  #expect(throws: Failure(.badData, "f.json:1:257: not valid JSON: nested more than 256 levels deep")) {
    try parse(deep(257))
  }
  #expect(throws: Failure.self) { try parse(String(repeating: "{\"a\":", count: 100_000)) }
}

@Test func valuesAreRead() throws {
  #expect(try parse(" [null, true, false] ") == [nil, true, false])
  #expect(try parse("\u{FEFF}1") == 1)
  #expect(try parse(#""\ud83d\ude00\/\u00e9\b""#).stringValue == "😀/é\u{08}")
  #expect(
    try parse("[-0, 0, 1E2, 9223372036854775807, 9223372036854775808]")
      == [.number(-0.0), 0, 100, .integer(.max), .number(9223372036854775808)])
  #expect(try parse("{\"e\u{301}\":1,\"\u{e9}\":2}").objectValue?.count == 2)
}

@Test func stringsCompareByBytes() {
  #expect(JSON.string("\u{e9}") != JSON.string("e\u{301}"))
  #expect(JSON.integer(1) == JSON.number(1))
  #expect(JSON.number(0.5) != JSON.integer(0))
}

/// Eight bytes are looked at together.
@Test(arguments: 0..<20) func whatEndsPlainTextIsSeenAnywhere(place: Int) throws {
  let before = "é\u{7F} " + String(repeating: "x", count: place), after = "ü! 12345678"
  func string(_ middle: String) throws -> String? { try parse("\"\(before)\(middle)\(after)\"").stringValue }
  #expect(try string("") == before + after)
  #expect(try string(#"\\"#) == before + "\\" + after)
  #expect(try string(#"\""#) == before + "\"" + after)
  for control in 0..<0x20 as Range<UInt8> {
    #expect(throws: Failure.self) { try string(String(UnicodeScalar(control))) }
  }
  #expect(throws: Failure.self) { try string("\"") }
}

@Test func rowsOfALinesFileCountFromTheirLine() {
  #expect(throws: Failure(.badData, "rows.jsonl:41:1: not valid JSON: expected a JSON value")) {
    try JSONDocument(Array("x".utf8), source: "rows.jsonl", origin: .init(line: 41))
  }
}

@Test func aStringOfEscapesTakesLinearTime() throws {
  let text = "\"" + String(repeating: "\\n", count: 1_000_000) + "\""
  #expect(try parse(text).stringValue?.utf8.count == 1_000_000)
}

/// Whatever bytes come in, the parser returns a value or throws a `Failure`; it never traps or hangs.
@Test func mutatedTextNeverCrashes() throws {
  let seed = Array(
    #"{"a": [1, -2.5e3, "x\u00e9\ud83d\ude00\n", null, true], "b": {"c": {}, "d": [[]]}, "é": 1e-7}"#.utf8)
  var random = SeededGenerator(state: 42)
  var accepted = 0
  for _ in 0..<5_000 {
    var bytes = seed
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.remove(at: place)
      case 2: bytes.insert("{}[]\",:\\u0-e".utf8.randomElement(using: &random) ?? 0, at: place)
      default: bytes = Array(bytes[..<max(place, 1)])
      }
    }
    guard let document = try? JSONDocument(bytes, source: "m") else { continue }
    accepted += 1
    #expect(try JSONDocument(document.root.text(indent: 2), source: "again").root == document.root)
    #expect((document.position(of: [.key("a"), .index(1)])?.line ?? 0) >= 1)
  }
  #expect(accepted > 10)
}

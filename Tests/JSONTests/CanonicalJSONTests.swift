import Failures
import JSON
import TestSupport
import Testing

private func canonical(_ text: String) throws -> String {
  String(decoding: try JSONDocument(text, source: "t").root.canonical, as: UTF8.self)
}

/// RFC 8785, appendix B: bit patterns and the text that ECMAScript gives them.
@Test(
  arguments: [
    (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"), (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"), (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"), (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"), (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"), (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"), (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"), (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"), (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"), (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"), (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"), (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
  ] as [(UInt64, String)])
func numbersTakeECMAScriptsForm(bits: UInt64, text: String) throws {
  let value = Double(bitPattern: bits)
  #expect(String(decoding: try JSON.number(value).canonical, as: UTF8.self) == text)
  #expect(Double(text) == value)
}

@Test(arguments: [
  (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (1e-6, "0.000001"), (-0.0, "0"),
  (0.1, "0.1"),
  (123.456, "123.456"), (100, "100"), (-1.5e-9, "-1.5e-9"), (640, "640"), (4.35, "4.35"), (1e22, "1e+22"),
])
func commonNumbers(value: Double, text: String) throws {
  #expect(String(decoding: try JSON.number(value).canonical, as: UTF8.self) == text)
}

@Test func everyDoubleReadsBackFromItsShortestText() throws {
  var random = SeededGenerator(state: 7)
  for _ in 0..<20_000 {
    let value = Double(bitPattern: random.next())
    guard value.isFinite else { continue }
    let text = String(decoding: try JSON.number(value).canonical, as: UTF8.self)
    #expect(try JSONDocument(text, source: "t").root.doubleValue == value)
    #expect(text.utf8.count <= 25)
  }
}

/// RFC 8785 §3.2.2 and §3.2.3, the examples.
@Test func theExamplesOfTheRFC() throws {
  let sample = #"""
    {
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }
    """#
  #expect(
    try canonical(sample)
      == #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
      + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#)
  let keys = #"""
    {"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
     "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
     "\u00f6": "Latin Small Letter O With Diaeresis"}
    """#
  let expected: [(String, String)] = [
    ("\\r", "Carriage Return"), ("1", "One"), ("\u{80}", "Control"),
    ("ö", "Latin Small Letter O With Diaeresis"),
    ("€", "Euro Sign"), ("😀", "Emoji: Grinning Face"), ("\u{fb33}", "Hebrew Letter Dalet With Dagesh"),
  ]
  let text = "{" + expected.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",") + "}"
  #expect(try Array(canonical(keys).utf8) == Array(text.utf8))
}

@Test func canonicallyEquivalentKeysStayTwoKeys() throws {
  let text = "{\"e\u{301}\":1,\"\u{e9}\":2}"
  #expect(try Array(canonical(text).utf8) == Array(text.utf8))
}

@Test func integersThatADoubleCannotHoldAreRefused() throws {
  #expect(try canonical("9007199254740992") == "9007199254740992")
  #expect(try canonical("-9007199254740991") == "-9007199254740991")
  #expect {
    _ = try canonical(#"{"seeds":[1,9007199254740993]}"#)
  } throws: { error in
    error as? Failure
      == Failure(
        .badData, "/seeds/1: the integer 9007199254740993 does not fit a double exactly",
        hint: "write integers above 2^53 as strings")
  }
  #expect(throws: Failure.self) { try canonical("1152921504606846976") }  // 2^60 prints as …847000
  let again = try canonical("1e17")
  #expect(try canonical(again) == again)
}

@Test func numbersThatAreNotFiniteAreOurBug() {
  #expect(throws: Failure(.internal, "/loss: nan is not a JSON number")) {
    try JSON.object(["loss": .number(.nan)]).canonical
  }
  #expect(throws: Failure(.internal, "(root): inf is not a JSON number")) {
    try JSON.number(.infinity).canonical
  }
}

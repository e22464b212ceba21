import JSON
import Testing

@Test func textKeepsMemberOrderAndIndents() {
  let value: JSON = ["b": [1, 2.5, []], "a": ["x": nil], "empty": [:], "yes": true]
  let expected = """
    {
      "b": [
        1,
        2.5,
        []
      ],
      "a": {
        "x": null
      },
      "empty": {},
      "yes": true
    }
    """
  #expect(value.text(indent: 2) == expected)
  #expect(value.text(indent: 0) == #"{"b":[1,2.5,[]],"a":{"x":null},"empty":{},"yes":true}"#)
}

@Test func textEscapesWhatMustBeEscapedAndNothingElse() {
  #expect(
    JSON.string("\"\\/\u{08}\t\n\u{0C}\r\u{01}\u{1f}\u{7f}é😀").text(indent: 0)
      == "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\\u001f\u{7f}é😀\"")
}

@Test func textOfOddNumbers() {
  #expect(
    JSON.array([.number(.nan), .number(-.infinity), .number(-0.0), .integer(.max)]).text(indent: 0)
      == "[null,null,0,9223372036854775807]")
}

@Test func textReadsBackAsTheSameValue() throws {
  let value: JSON = ["k\u{0}\u{2028}": ["\u{10FFFF}", -1, 0.1, 1e300, false], "": [["deep": [[[]]]]]]
  for indent in 0...3 {
    #expect(try JSONDocument(value.text(indent: indent), source: "t").root == value)
  }
}

import Failures
import JSON
import Testing

private let text = """
  {
    "hidden_size": "64",
    "rope": {"factor": 2.5, "a/b~c": [1, {"x": true}]},
    "vocab": 300,
    "nothing": null
  }
  """

private func cursor() throws -> JSONCursor { try JSONDocument(text, source: "config.json").cursor }

private func message(_ body: (JSONCursor) throws -> Void) throws -> String {
  do { try body(try cursor()) } catch let failure as Failure { return failure.description }
  return "no failure"
}

@Test func aWrongTypeNamesFileLineColumnAndPointer() throws {
  #expect(
    try message { _ = try $0.field("hidden_size").integer() }
      == "config.json:2:18: /hidden_size: expected an integer, found a string")
  #expect(
    try message { _ = try $0.field("rope").field("a/b~c").elements()[1].field("x").string() }
      == "config.json:3:46: /rope/a~1b~0c/1/x: expected a string, found a boolean")
  #expect(
    try message { _ = try $0.field("rope").field("factor").integer() }
      == "config.json:3:22: /rope/factor: expected an integer, found a number")
  #expect(
    try message { _ = try $0.field("vocab").bool() }
      == "config.json:4:12: /vocab: expected a boolean, found an integer")
  #expect(
    try message { _ = try $0.field("nothing").double() }
      == "config.json:5:14: /nothing: expected a number, found null")
  #expect(
    try message { _ = try $0.field("vocab").elements() }
      == "config.json:4:12: /vocab: expected an array, found an integer")
  #expect(
    try message { _ = try $0.field("vocab").field("x") }
      == "config.json:4:12: /vocab: expected an object, found an integer")
}

@Test func aMissingFieldIsNamed() throws {
  #expect(
    try message { _ = try $0.field("rope").field("theta") }
      == "config.json:3:11: /rope: the field 'theta' is missing")
  #expect(try message { _ = try $0.field("size") } == "config.json:1:1: the field 'size' is missing")
}

@Test func rangesReadAsWords() throws {
  #expect(try cursor().field("vocab").integer(in: 1...) == 300)
  let found = { (range: any RangeExpression<Int>) in
    try message { _ = try $0.field("vocab").integer(in: range) }.split(separator: ": ").last.map(String.init)
  }
  #expect(try found(1...8) == "expected an integer from 1 to 8, found 300")
  #expect(try found(0..<8) == "expected an integer from 0 to 7, found 300")
  #expect(try found(512...) == "expected an integer of at least 512, found 300")
  #expect(try found(...8) == "expected an integer of at most 8, found 300")
  #expect(try found(..<8) == "expected an integer below 8, found 300")
}

@Test func unknownFieldsAreRefused() throws {
  #expect(
    try message { try $0.field("rope").allowOnly(["factor", "type"]) }
      == "config.json:3:36: /rope/a~1b~0c: unknown field 'a/b~c'\nhint: known fields: factor, type")
  try cursor().allowOnly(["vocab", "rope", "nothing", "hidden_size"])
}

@Test func absentAndNullAreTheSameToOptional() throws {
  #expect(try cursor().optional("nothing") == nil)
  #expect(try cursor().optional("absent") == nil)
  #expect(try cursor().optional("vocab")?.integer() == 300)
}

@Test func positionsCountCharactersAndSkipAByteOrderMark() throws {
  let document = try JSONDocument("\u{FEFF}{\"é😀\": [1,\n 2]}", source: "f")
  #expect(try document.cursor.field("é😀").elements()[0].failure("x").message == "f:1:10: /é😀/0: x")
  #expect(try document.cursor.field("é😀").elements()[1].failure("x").message == "f:2:2: /é😀/1: x")
}

import Failures
import JSON
import TestSupport
import Testing

/// The violations of `value` as "pointer: message".
private func violations(_ schema: JSON, _ value: JSON) throws -> [String] {
  try JSONSchema(try JSONDocument(schema.text(), source: "s")).validate(value).map {
    "\($0.path.pointer): \($0.message)"
  }
}

private func refusal(_ schema: String) -> String? {
  do { _ = try JSONSchema(try JSONDocument(schema, source: "s.json")) } catch { return error.message }
  return nil
}

@Test func types() throws {
  let values: [(String, JSON)] = [
    ("null", nil), ("boolean", true), ("integer", 3), ("number", 2.5), ("string", "x"), ("array", []),
    ("object", [:]),
  ]
  for (type, _) in values {
    for (other, value) in values {
      let fits = type == other || (type == "number" && other == "integer")
      #expect(try violations(["type": .string(type)], value).isEmpty == fits)
    }
  }
  #expect(try violations(["type": "integer"], 1.0).isEmpty)
  #expect(try violations(["type": "integer"], "1") == [": expected an integer, found a string"])
  #expect(
    try violations(["type": ["string", "null", "array"]], false)
      == [": expected a string, null or an array, found a boolean"])
  #expect(try violations(true, 1) == [])
  #expect(try violations(false, 1) == [": nothing is allowed here"])
}

@Test func constAndEnumCompareValues() throws {
  #expect(try violations(["const": 1], 1.0) == [])
  #expect(try violations(["const": ["a": [1]]], ["a": [1.0]]) == [])
  #expect(try violations(["const": "\u{e9}"], "e\u{301}") == [": expected \"é\", found \"é\""])
  #expect(try violations(["enum": ["a", nil, 3]], "b") == [": expected \"a\", null or 3, found \"b\""])
  #expect(try violations(["enum": ["a"]], [1]) == [": expected \"a\", found an array"])
  let long = JSON.string(String(repeating: "x", count: 100))
  #expect(try violations(["const": 1], long)[0].count < 90)
}

@Test func numbersHaveBounds() throws {
  let schema: JSON = ["minimum": 1, "maximum": 3.5]
  #expect(try violations(schema, 1) == [])
  #expect(try violations(schema, 3.5) == [])
  #expect(try violations(schema, 0) == [": must be at least 1, found 0"])
  #expect(try violations(schema, 4) == [": must be at most 3.5, found 4"])
  let open: JSON = ["exclusiveMinimum": 0, "exclusiveMaximum": 1]
  #expect(try violations(open, 0.5) == [])
  #expect(try violations(open, 0) == [": must be above 0, found 0"])
  #expect(try violations(open, 1.0) == [": must be below 1, found 1"])
  #expect(try violations(schema, "0") == [])  // bounds are for numbers alone
}

@Test func stringsHaveLengthsInCodePoints() throws {
  let schema: JSON = ["minLength": 2, "maxLength": 3]
  #expect(try violations(schema, "😀e\u{301}") == [])
  #expect(try violations(schema, "x") == [": must have at least 2 characters, found \"x\""])
  #expect(try violations(schema, "abcd") == [": must have at most 3 characters, found 4"])
}

@Test(
  arguments: [
    ("^[0-9a-f]{4}$", ["00ff", "abcd"], ["00f", "00fff", "00FF", "", "00ff\n"]),
    ("^[a-z][a-z0-9_-]*$", ["a", "a-b_9"], ["", "9", "a b", "A"]),
    ("^a?b+c{2,3}d{1,}$", ["bccd", "abbbcccdd"], ["bcd", "bccccd", "aabccd"]),
    ("^x.y\\.z$", ["x-y.z", "xéy.z"], ["x-yaz", "xy.z", "x\ny.z"]),
    ("^[^/]+/[^/]+$", ["org/name"], ["org", "a/b/c", "/b"]),
    ("^a*a*a*b$", ["b", "aaaab"], ["aaaa"]),
    ("^$", [""], ["x"]),
    ("^[]a-]{1}$", ["]", "a", "-"], ["b"]),
  ] as [(String, [String], [String])])
func patterns(pattern: String, matching: [String], others: [String]) throws {
  for text in matching { #expect(try violations(["pattern": .string(pattern)], .string(text)) == []) }
  for text in others {
    #expect(
      try violations(["pattern": .string(pattern)], .string(text))
        == [": must match \(pattern), found \(JSON.string(text).text(indent: 0))"])
  }
}

@Test func aHostileTextCannotHangAPattern() throws {
  let text = JSON.string(String(repeating: "a", count: 20_000))
  #expect(try violations(["pattern": "^a*a*a*a*a*b$"], text).count == 1)
}

@Test func arrays() throws {
  #expect(try violations(["minItems": 1], []) == [": must have at least 1 elements, found 0"])
  #expect(try violations(["maxItems": 1], [1, 2]) == [": must have at most 1 elements, found 2"])
  #expect(
    try violations(["items": ["type": "string"]], ["a", 1]) == ["/1: expected a string, found an integer"])
  let tuple: JSON = ["prefixItems": [["type": "string"], true], "items": false]
  #expect(try violations(tuple, ["a", 1]) == [])
  #expect(try violations(tuple, ["a"]) == [])
  #expect(try violations(tuple, [1, 1, 1]).count == 2)
  let unique: JSON = ["uniqueItems": true]
  #expect(try violations(unique, [1, "1", [1], ["a": 1, "b": 2]]) == [])
  #expect(try violations(unique, [1, 1.0]) == ["/1: must not appear twice: 1"])
  #expect(try violations(unique, [["a": 1, "b": [2]], ["b": [2.0], "a": 1]]).count == 1)
}

@Test func objects() throws {
  let schema: JSON = [
    "properties": ["a": ["type": "integer"], "é": true], "required": ["a", "b"],
    "additionalProperties": false,
  ]
  #expect(
    try violations(schema, ["a": "x", "c": 1])
      == [": the field 'b' is missing", "/a: expected an integer, found a string", "/c: unknown field 'c'"])
  #expect(try violations(schema, ["a": 1, "b": 1, "e\u{301}": 1]).count == 2)
  #expect(
    try violations(["additionalProperties": ["type": "null"]], ["x": 1, "y": nil])
      == ["/x: expected null, found an integer"])
  #expect(
    try violations(["propertyNames": ["pattern": "^[a-z]+$"]], ["ok": 1, "No": 1])
      == ["/No: the name of the field: must match ^[a-z]+$, found \"No\""])
  #expect(try violations(["minProperties": 1], [:]) == [": must have at least 1 fields, found 0"])
}

@Test func combinations() throws {
  #expect(try violations(["allOf": [["minimum": 1], ["maximum": 2]]], 3).count == 1)
  #expect(try violations(["anyOf": [["minimum": 5], ["type": "string"]]], 7) == [])
  #expect(
    try violations(["anyOf": [["type": "string"], ["type": "null"]]], 3)
      == [
        ": fits none of the allowed forms: expected a string, found an integer; or expected null, found an integer"
      ])
  #expect(
    try violations(["oneOf": [["type": "integer"], ["minimum": 0]]], 3)
      == [": fits 2 of the forms of which it must fit one"])
  #expect(try violations(["not": ["type": "null"]], nil) == [": must not have the form that 'not' describes"])
  let conditional: JSON = [
    "if": ["required": ["a"]], "then": ["required": ["b"]], "else": ["required": ["c"]],
  ]
  #expect(try violations(conditional, ["a": 1]) == [": the field 'b' is missing"])
  #expect(try violations(conditional, [:]) == [": the field 'c' is missing"])
}

@Test func theAlternativeThatCameFurthestSaysWhatIsWrong() throws {
  let schema: JSON = [
    "oneOf": [
      ["type": "string"], ["type": "object", "properties": ["path": ["type": "string"]]],
    ]
  ]
  #expect(try violations(schema, ["path": 3]) == ["/path: expected a string, found an integer"])
}

@Test func referencesReachDefinitionsAndTheRoot() throws {
  let tree: JSON = [
    "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "a tree", "type": "object",
    "properties": ["name": ["$ref": "#/$defs/name"], "children": ["type": "array", "items": ["$ref": "#"]]],
    "additionalProperties": false, "$defs": ["name": ["type": "string", "minLength": 1]],
  ]
  #expect(try violations(tree, ["name": "a", "children": [["children": []]]]) == [])
  #expect(
    try violations(tree, ["children": [["name": ""], ["nom": 1]]])
      == [
        "/children/0/name: must have at least 1 characters, found \"\"",
        "/children/1/nom: unknown field 'nom'",
      ])
}

@Test(
  arguments: [
    (##"{"format": "uri"}"##, "s.json:1:12: /format: the keyword 'format' is not implemented"),
    (
      ##"{"properties": {"a": {"requird": []}}}"##,
      "/properties/a/requird: the keyword 'requird' is not implemented"
    ),
    (##"{"type": "int"}"##, "s.json:1:10: /type: unknown type 'int'"),
    (##"{"type": []}"##, "/type: expected at least one type"),
    (##"{"type": 3}"##, "/type: expected a string, found an integer"),
    (##"{"enum": []}"##, "/enum: an empty enum allows nothing"),
    (##"{"minLength": -1}"##, "/minLength: expected an integer of at least 0, found -1"),
    (##"{"minimum": "0"}"##, "/minimum: expected a number, found a string"),
    (##"{"required": "a"}"##, "/required: expected an array, found a string"),
    (##"{"allOf": []}"##, "/allOf: expected at least one schema"),
    (##"{"items": [true]}"##, "/items: expected an object, found an array"),
    (##"{"title": 3}"##, "/title: expected a string, found an integer"),
    (##"{"$ref": "other.json"}"##, "/$ref: 'other.json': only '#' and '#/$defs/…' can be referred to"),
    (##"{"$ref": "#/$defs/x"}"##, "/$ref: '#/$defs/x' leads nowhere"),
    (##"{"anyOf": [{"$ref": "#"}]}"##, "/anyOf/0/$ref: '#' leads back to itself"),
    (
      ##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}}"##,
      "leads back to itself"
    ),
    (##"{"items": {"$defs": {}}}"##, "/items/$defs: '$defs' may only stand at the top of a schema"),
    (
      ##"{"$schema": "http://json-schema.org/draft-07/schema#"}"##,
      "/$schema: only draft 2020-12 is supported"
    ),
    (##"{"pattern": "[a-z]+"}"##, "/pattern: only patterns of the form ^…$ are implemented"),
    (##"{"pattern": "^(a|b)$"}"##, "/pattern: the pattern ^(a|b)$ uses what is not implemented here"),
    (##"{"pattern": "^[z-a]$"}"##, "/pattern: the pattern ^[z-a]$ uses what is not implemented here"),
    (##"{"pattern": "^[a$"}"##, "/pattern: the pattern ^[a$ uses what is not implemented here"),
    (##"{"pattern": "^a{9999}$"}"##, "/pattern: the pattern ^a{9999}$ uses what is not implemented here"),
    (##"{"pattern": "^a{,2}$"}"##, "/pattern: the pattern ^a{,2}$ uses what is not implemented here"),
    (##"[]"##, "s.json:1:1: expected an object, found an array"),
  ] as [(String, String)])
func aSchemaThatCannotBeKeptIsRefused(schema: String, message: String) throws {
  let refused = try #require(refusal(schema))
  #expect(refused.contains(message), "\(refused)")
}

@Test func requireNamesThePlace() throws {
  let schema = try JSONSchema(
    try JSONDocument(#"{"properties": {"a": {"items": {"type": "null"}}}}"#, source: "s"))
  try schema.require(try JSONDocument(#"{"a": [null]}"#, source: "f.json"))
  #expect(throws: Failure(.badData, "f.json:2:14: /a/1: expected null, found an integer")) {
    try schema.require(try JSONDocument("{\n \"a\": [null, 3]}", source: "f.json"))
  }
}

/// Whatever a schema or a value holds, there is a `Failure` or a list of violations, never a crash.
@Test func mutatedSchemasNeverCrash() throws {
  let seed = Array(
    #"""
    {"type":["object","null"],"properties":{"a":{"pattern":"^[a-f0-9]{2,4}\\.x?$"},"b":{"oneOf":[{"const":1},
    {"$ref":"#/$defs/n"}]}},"required":["a"],"additionalProperties":{"items":{"$ref":"#"}},
    "$defs":{"n":{"enum":[null,{"x":[1]}],"not":{"minimum":1e3}}}}
    """#.utf8)
  let value: JSON = ["a": "af.", "b": nil, "c": [["a": "ff.x"], 3, nil]]
  var random = SeededGenerator(state: 11)
  var accepted = 0
  for _ in 0..<3_000 {
    var bytes = seed
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      if Bool.random(using: &random) {
        bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
      } else {
        bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
      }
    }
    guard let document = try? JSONDocument(bytes, source: "m"), let schema = try? JSONSchema(document) else {
      continue
    }
    accepted += 1
    _ = schema.validate(value)
  }
  #expect(accepted > 20)
}

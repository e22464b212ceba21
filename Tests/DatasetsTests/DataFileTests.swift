import Datasets
import Failures
import Testing

@Test func jsonLinesAndArraysAreToldApartByContent() throws {
  let expected: [[Int32]] = [[0, id("x"), 1], [0, id("y"), 1]]
  let lines = "\n{\"text\":\"x\"}\r\n\n{\"text\":\"y\",\"id\":7}"
  let array = "\u{FEFF} [{\"text\":\"x\"},\n{\"text\":\"y\"}]\n"
  for (data, name) in [(lines, "a.jsonl"), (lines, "a.json"), (lines, "a"), (array, "a.json"), (array, "a")] {
    #expect(try Prepared(data, name: name).train.map(\.ids) == expected, "\(name)")
  }
}

@Test func plainTextIsOneDocumentOrManyAndStripped() throws {
  let text = "\n x\ny \n<|end|>\n<|end|>  z\n"
  let one = try Prepared("x\ny\n", name: "a.txt")
  #expect(one.train.map(\.ids) == [[0, id("x"), 2, id("y"), 1]])
  let many = try Prepared(text, name: "a.txt") { $0.textSeparator = "<|end|>" }
  #expect(many.train.map(\.ids) == [[0, id("x"), 2, id("y"), 1], [0, id("z"), 1]])
  #expect(many.summary.sourceRows == [2])
  let unknown = try Prepared("plain", name: "a.data")
  #expect(unknown.train[0].ids.count == 7)
}

@Test func oneLongDocumentIsAWarning() throws {
  let prepared = try Prepared("xxxxxxxxxx", name: "a.txt") { $0.cutoffLength = 5 }
  #expect(
    prepared.summary.warnings == [
      "the text is one document, of which only 5 tokens are used; "
        + "say with --text-separator what stands between documents"
    ])
}

@Test(arguments: [
  ("", "data.jsonl: the file is empty"), (" \n\n", "data.jsonl: the file is empty"),
  ("{\"text\":\"x\"}\n[1]", "data.jsonl:2:1: expected a row (an object)"),
  ("{\"text\":\"x\"}\n\n{\"text\":1}", "data.jsonl:3:9: /text: expected a string, found an integer"),
  ("{\"text\":\"x\"}\n{\"text\"", "data.jsonl:2:8: not valid JSON: unexpected end of the text"),
  (
    "{\"question\":\"x\"}",
    "data.jsonl:1:1: expected a row with 'text', with 'instruction' and 'output', with 'messages' or 'conversations', or with 'input_ids', found 'question'"
  ),
  (
    "{}",
    "data.jsonl:1:1: expected a row with 'text', with 'instruction' and 'output', with 'messages' or 'conversations', or with 'input_ids', found no fields"
  ),
  (
    "{\"text\":\"x\",\"instruction\":\"y\"}",
    "data.jsonl:1:1: expected a row with 'text', with 'instruction' and 'output', with 'messages' or 'conversations', or with 'input_ids', found 'text', 'instruction'"
  ),
  ("{\"instruction\":\"x\"}", "data.jsonl:1:1: the field 'output' is missing"),
  (
    "{\"text\":\"x\"}\n{\"instruction\":\"x\",\"output\":\"y\"}",
    "data.jsonl:2: a row with 'instruction' among rows with 'text' (data.jsonl:1)"
  ),
  ("{\"text\":\"\"}", "data.jsonl: none of 1 rows has a token to learn within 512 tokens"),
  ("{\"input_ids\":[1,100]}", "data.jsonl:1:17: /input_ids/1: expected a token id from 0 to 99"),
  ("{\"input_ids\":[1,-1]}", "data.jsonl:1:17: /input_ids/1: expected a token id from 0 to 99"),
  ("{\"input_ids\":7}", "data.jsonl:1:14: /input_ids: expected an array of token ids"),
  (
    "{\"input_ids\":[1,2],\"labels\":[1]}",
    "data.jsonl:1:29: /labels: expected one label for each of the 2 input_ids"
  ),
  (
    "{\"input_ids\":[1,2],\"labels\":[1,3]}",
    "data.jsonl:1:32: /labels/1: expected 2, as in input_ids, or -100"
  ),
])
func wrongRowsAreNamedWithLineAndField(data: String, expected: String) {
  #expect(message { try Prepared(data) } == expected)
}

@Test func wrongFilesAreNamed() throws {
  #expect(message { try Prepared("[]", name: "a.json") } == "a.json: the file has no rows")
  #expect(
    message { try Prepared("[{\"text\":\"x\"},\n {\"text\":2}]", name: "a.json") }
      == "a.json:2:10: /1/text: expected a string, found an integer")
  #expect(
    message { try Prepared("x,y", name: "a.csv") } == "a.csv: files of the kind '.csv' are not supported")
  let workplace = try Workplace()
  let preparation = try DatasetPreparation(DatasetOptions(), tokenizer: nil, vocabularySize: 10)
  let run = { (path: String) in
    try preparation.run(dataPath: path, trainFile: workplace.path("t"), validationFile: workplace.path("v"))
  }
  #expect(message { try run("/nonexistent/a.jsonl") }.hasPrefix("missingInput: "))
  let text = try workplace.write([0x61, 0x0A, 0xFF, 0x0A], to: "bad.txt")
  #expect(message { try run(text) } == "bad.txt:2: the text is not valid UTF-8")
  let lines = try workplace.write(Array("{\"text\":\"".utf8) + [0xFF, 0x22, 0x7D], to: "bad.jsonl")
  #expect(message { try run(lines) } == "bad.jsonl:1:9: not valid JSON: the string is not valid UTF-8")
}

@Test func mutatedFilesNeverTrap() throws {
  let workplace = try Workplace()
  let seed = Array(
    #"""
    {"instruction":"a\u00e9","input":"b","output":"c"}
    {"instruction":"x","output":"y z"}
    {"input_ids":[1,2,3],"labels":[-100,2,3]}
    """#.utf8)
  var state: UInt64 = 5
  func random(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % limit
  }
  for round in 0..<600 {
    var bytes = round % 2 == 0 ? Array(seed.prefix(86)) : Array(seed.suffix(42))
    for _ in 0...random(3) {
      let place = random(bytes.count)
      switch random(3) {
      case 0: bytes[place] = UInt8(random(256))
      case 1: bytes.remove(at: place)
      default: bytes.insert(Array("\"{}[],:-1\n".utf8)[random(10)], at: place)
      }
    }
    let name = ["a.jsonl", "a.json", "a.txt", "a"][random(4)]
    do {
      _ = try Prepared(String(decoding: bytes, as: UTF8.self), name: name, in: workplace)
    } catch let failure as Failure {
      #expect(failure.message.contains(name))
    }
  }
}

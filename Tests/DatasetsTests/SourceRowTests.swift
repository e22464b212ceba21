import Datasets
import Failures
import TestSupport
import Testing

@Test(arguments: [
  ("", "data.jsonl: the file is empty"),
  ("{\"text\":\"x\"}\n[1]", "data.jsonl:2:1: expected a row (an object)"),
  ("{\"text\":\"x\"}\n\n{\"text\":true}", "data.jsonl:3:9: /text: expected a string, found a boolean"),
  ("{\"data\":[{\"text\":\"x\"}]}", "data.jsonl:1:1: expected a row, found rows inside of 'data'"),
  ("{\"text\":\"x\"}\n{\"text\"", "data.jsonl:2:8: not valid JSON: unexpected end of the text"),
  (
    "{\"question\":\"x\"}",
    "data.jsonl:1:1: expected a row with 'text', with 'instruction' and 'output', with 'prompt' and 'completion', with 'messages' or 'conversations', or with 'input_ids', found 'question'"
  ),
  (
    "{}",
    "data.jsonl:1:1: expected a row with 'text', with 'instruction' and 'output', with 'prompt' and 'completion', with 'messages' or 'conversations', or with 'input_ids', found no fields"
  ),
  (
    "{\"text\":\"x\",\"instruction\":\"y\"}",
    "data.jsonl:1:1: the row could be of several kinds: it has 'text' and 'instruction'"
  ),
  ("{\"instruction\":\"x\"}", "data.jsonl:1:1: the field 'output' is missing"),
  (
    "{\"text\":\"x\"}\n{\"instruction\":\"x\",\"output\":\"y\"}",
    "data.jsonl:2: a row with 'instruction' after a row with 'text' (data.jsonl:1)"
  ),
  ("{\"text\":\"\"}", "data.jsonl: none of 1 rows is left to learn from: 1 empty"),
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
  (
    "{\"input_ids\":[1,2],\"attention_mask\":[1]}",
    "data.jsonl:1:37: /attention_mask: expected a 0 or 1 for each of the 2 input_ids"
  ),
  ("{\"input_ids\":[1,2],\"attention_mask\":[1,2]}", "data.jsonl:1:40: /attention_mask/1: expected 0 or 1"),
  (
    "{\"input_ids\":[1,2],\"attention_mask\":[0,0]}",
    "data.jsonl: none of 1 rows is left to learn from: 1 empty"
  ),
])
func wrongRowsAreNamedWithLineAndField(data: String, expected: String) {
  #expect(message { try Prepared(data) } == expected)
}

@Test func numbersAreTakenAsTheyAreWritten() throws {
  let rows = #"{"instruction":"x","output":4}"# + "\n" + #"{"instruction":2,"input":0.5,"output":-3.0}"#
  let summary = try Prepared(rows).summary
  #expect(summary.preview.map { $0.stretches.last?.text } == ["4</s>", "-3.0</s>"])
  #expect(summary.preview[1].stretches.first?.text.contains("### Input:\n0.5\n") == true)
  // With every digit, whether or not a number of the processor could hold them.
  for number in ["12345678901234567890", "100000000000000000000", "1e3", "1.10", "1.23456789012345678901", "-0"] {
    let data = #"{"prompt":"n","completion": \#(number) }"#
    #expect(try Prepared(data).summary.preview.first?.stretches.last?.text == number + "</s>")
  }
}

@Test func whatIsMissedIsSaid() throws {
  let summary = try Prepared(#"{"instruction":"x","Input":"c","output":"","id":7}"#).summary
  #expect(summary.unusedColumns == ["Input", "id"])
  #expect(summary.warnings.contains { $0.hasPrefix("1 rows have an empty answer") })
  let missing = failure { _ = try Prepared(#"{"instruction":"x","response":"y"}"#) }
  #expect(missing.hint == "the row has 'instruction', 'response'; say which of them is meant with --field output=COLUMN")
  let list = failure { _ = try Prepared(#"{"instruction":"x","output":[{"role":"user","content":"y"}]}"#) }
  #expect(list.hint == "lists of messages are read from 'messages': --field messages=output")
}

@Test func columnsMayHaveOtherNames() throws {
  let map = { (words: [String]) in { (options: inout DatasetOptions) in options.fields = try! FieldMapping(words) } }
  let data = #"{"question":"ab","answer":"d","text":"unused"}"#
  let prompt = try Prepared(data, options: map(["prompt=question", "completion=answer"]))
  #expect(prompt.train == [TokenRow(ids: [0, 98, id("d"), 1], supervised: [false, false, true, true])])
  let instruction = try Prepared(data, options: map(["instruction=question", "output=answer"]))
  #expect(instruction.summary.preview[0].stretches.map(\.text) == ["<s>### Instruction:\nab\n\n### Response:\n", "d</s>"])
  // One that is named says which of several kinds is meant.
  #expect(try Prepared(#"{"text":"x","instruction":"y"}"#, options: map(["text=text"])).train.map(\.ids) == [[0, id("x"), 1]])
  #expect(
    message { try Prepared(data, options: map(["prompt=q", "completion=answer"])) }
      == "data.jsonl:1:1: the field 'q' is missing")
  #expect(
    message { try Prepared("q,answer\nx,y", name: "a.csv", options: map(["prompt=question", "completion=answer"])) }
      == "a.csv:2: the field 'question' is missing")
}

@Test func mappingsThatMakeNoSenseAreRefused() {
  let refusal = { (words: [String]) in message { try FieldMapping(words) } }
  #expect(refusal(["prompt"]) == "usage: --field must be FIELD=COLUMN, found 'prompt'")
  #expect(refusal(["promt=x"]) == "usage: --field 'promt=x': rows have no field 'promt'")
  #expect(refusal(["text=a", "text=b"]) == "usage: --field names 'text' twice")
}

@Test func aPromptAloneMakesNoRow() throws {
  // Other kinds of rows have one beside them.
  #expect(try Prepared(#"{"text":"x","prompt":"y"}"#).train.map(\.ids) == [[0, id("x"), 1]])
}

@Test func mutatedFilesNeverTrap() throws {
  let workplace = try Workplace()
  let seed = Array(
    #"""
    {"instruction":"a\u00e9","input":"b","output":"c"}
    {"instruction":"x","output":"y z"}
    {"input_ids":[1,2,3],"labels":[-100,2,3]}
    """#.utf8)
  var mutation = RowMutation(seed: 5)
  for round in 0..<600 {
    let bytes = mutation.apply(to: Array(round % 2 == 0 ? seed.prefix(86) : seed.suffix(42)))
    let name = ["a.jsonl", "a.json", "a.txt", "a"][mutation.random(4)]
    do {
      _ = try Prepared(String(decoding: bytes, as: UTF8.self), name: name, in: workplace)
    } catch let failure as Failure {
      #expect(failure.message.contains(name))
    }
  }
}

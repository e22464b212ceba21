import ChatTemplates
import Datasets
import Failures
import FoundationEssentials
import JSON
import Testing
import Tokenizer

private let template =
  "{% if tools %}{{ tools|tojson }}{% endif %}{% for m in messages %}{{ m.role }}:{{ m.content }}{{ m.tool_calls|tojson if m.tool_calls }}</s>{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"

private func prepared(_ row: String, options change: (inout DatasetOptions) -> Void = { _ in }) throws
  -> Prepared
{
  try Prepared(
    row,
    options: {
      $0.chat.template = (Array(template.utf8), "t.jinja"); change(&$0)
    })
}

/// The whole text of the one row, with what is learned in brackets.
private func shown(_ row: String, options change: (inout DatasetOptions) -> Void = { _ in }) throws -> String
{
  try prepared(row, options: change).summary.preview.map { row in
    row.stretches.map { $0.isSupervised ? "[\($0.text)]" : $0.text }.joined()
  }.joined(separator: "|")
}

@Test func messagesAndConversationsAreChats() throws {
  #expect(
    try shown(#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#)
      == "user:Hi</s>assistant:[Yo</s>]")
  #expect(
    try shown(
      #"{"system":"Be.","conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Yo"}]}"#)
      == "system:Be.</s>user:Hi</s>assistant:[Yo</s>]")
  #expect(
    try shown(#"{"conversations":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#) {
      $0.chat.systemPrompt = "S"
    } == "system:S</s>user:Hi</s>assistant:[Yo</s>]")
  #expect(
    try shown(#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#) {
      $0.trainsOnInputs = true
    } == "u[ser:Hi</s>assistant:Yo</s>]")
}

@Test func ofAPromptAndACompletionTheCompletionIsLearned() throws {
  let earlier = #"{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"},{"role":"user","content":"ab?"}"#
  let row = #"{"prompt":[\#(earlier)],"completion":[{"role":"assistant","content":"ab!"}]}"#
  let given = "user:Hi</s>assistant:Yo</s>user:ab?</s>assistant:"
  #expect(try shown(row) == given + "[ab!</s>]")
  #expect(try shown(row) { $0.chat.systemPrompt = "S" } == "system:S</s>" + given + "[ab!</s>]")
  #expect(try shown(row) { $0.chat.masksHistory = true } == given + "[ab!</s>]")
  let marking =
    "{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content }}{% endgeneration %}</s>{% endfor %}"
  #expect(
    try shown(row) { $0.chat.template = (Array(marking.utf8), "t.jinja") }
      == "user:Hi</s>assistant:Yo</s>user:ab?</s>assistant:[ab!]</s>")
  #expect(try shown(row.dropLast() + #","tools":[{"name":"f"}]}"#) == #"[{"name": "f"}]"# + given + "[ab!</s>]")
}

@Test func aMessageMaySayThatItIsNotLearned() throws {
  let answer = { (mark: String) in #"{"role":"assistant","content":"Yo"\#(mark)}"# }
  let row = { (first: String, second: String) in
    #"{"messages":[{"role":"user","content":"a"},\#(answer(first)),{"role":"user","content":"b"},\#(answer(second))]}"#
  }
  for mark in [#","weight":0"#, #","train":false"#] {
    #expect(try shown(row(mark, #","weight":1"#)) == "user:a</s>assistant:Yo</s>user:b</s>assistant:[Yo</s>]")
    #expect(try shown(row("", mark)) == "user:a</s>assistant:[Yo</s>]user:b</s>assistant:Yo</s>")
  }
  let marking = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}</s>{% endfor %}"
  #expect(
    message { try prepared(row(#","weight":0"#, "")) { $0.chat.template = (Array(marking.utf8), "t.jinja") } }
      == "data.jsonl:1: a message is not to be learned ('weight' or 'train'), but the chat template marks every answer")
}

@Test func theSystemColumnStandsBeforeAPrompt() throws {
  let row = #"{"system":"S","prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]}"#
  #expect(try shown(row) == "system:S</s>user:a</s>assistant:[b</s>]")
}

@Test func whatOnlyConversationsNeedIsSaidToBeIdle() throws {
  let summary = try Prepared(#"{"text":"abc"}"#, options: { $0.chat.masksHistory = true }).summary
  #expect(summary.warnings == ["--mask-history: without effect, for the rows are no conversations"])
}

@Test func whatATemplateLeavesOutIsSaid() throws {
  let (user, answer) = (#"{"role":"user","content":" a? "}"#, #"{"role":"assistant","content":"b"}"#)
  let system = #"{"role":"system","content":"Speak."}"#
  func warnings(_ messages: [String], _ rest: String = "", _ template: String) throws -> [String] {
    let row = #"{"messages":[\#(messages.joined(separator: ","))]\#(rest)}"#
    return try prepared(row) { $0.chat.template = (Array(template.utf8), "t.jinja") }.summary.warnings.filter { $0.contains("leaves out") }
  }
  let trimming =
    "{% for m in messages if m.role != 'system' %}{{ m.role }}:{{ m.content | trim }}</s>{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
  #expect(try warnings([user, answer], "", trimming) == [])
  let leftOut =
    "of 1 conversations the chat template leaves out what a user or the system says, or the tools: the model never sees them"
  #expect(try warnings([system, user, answer], "", trimming) == [leftOut])
  let parts = #"{"role":"system","content":[{"type":"text","text":"Speak."}]}"#
  #expect(try warnings([parts, user, answer], "", trimming) == [leftOut])
  #expect(try warnings([user.replacing(" a? ", with: "\u{A0}a?\u{3000}"), answer], "", trimming) == [])
  for tools in [#","tools":[{"name":"weather"}]"#, #","tools":[{"type":"function","function":{"name":"weather"}}]"#] {
    #expect(try warnings([user, answer], tools, trimming) == [leftOut])
    #expect(try warnings([user, answer], tools, "{{ tools }}" + trimming) == [])
  }
}

@Test func toolsComeAsAListOrAsText() throws {
  let call =
    #"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]}"#
  let chat = #"{"messages":[{"role":"user","content":"Hi"},\#(call)],"tools":"#
  let expected =
    #"[{"name": "f"}]user:Hi</s>assistant:[[{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]</s>]"#
  #expect(try shown(chat + #"[{"name":"f"}]}"#) == expected)
  #expect(try shown(chat + #""[{\"name\":\"f\"}]"}"#) == expected)
}

@Test func aChatWithoutAnEndOfTurnEndsWithEOS() throws {
  let bare =
    "{% for m in messages %}{{ m.role }}:{{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
  let row = #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#
  #expect(
    try shown(row) { $0.chat.template = (Array(bare.utf8), "t.jinja") } == "user:Hi assistant:[Yo </s>]")
  #expect(
    try shown(row) { ($0.chat.template, $0.addsEOS) = ((Array(bare.utf8), "t.jinja"), false) }
      == "user:Hi assistant:[Yo ]")
}

@Test(arguments: [
  (#"{"messages":[]}"#, "data.jsonl:1:13: /messages: the list has no messages"),
  (#"{"messages":{}}"#, "data.jsonl:1:13: /messages: expected an array, found an object"),
  (#"{"messages":"[]"}"#, "data.jsonl:1:13: /messages: expected a list of messages, found a text"),
  (
    #"{"prompt":"[{\"role\":\"user\",\"content\":\"x\"}]","completion":"y"}"#,
    "data.jsonl:1:11: /prompt: a list of messages is written as a text"
  ),
  (#"{"messages":[1]}"#, "data.jsonl:1:14: /messages/0: expected a message (an object)"),
  (#"{"messages":[{"content":"x"}]}"#, "data.jsonl:1:14: /messages/0: the field 'role' is missing"),
  (#"{"messages":[{"role":"user"}]}"#, "data.jsonl:1:14: /messages/0: the message has no content"),
  (
    #"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
    "data.jsonl:1:48: /messages/0/content/0/type: a part of the kind 'image' is not supported"
  ),
  (
    #"{"conversations":[{"from":"cat","value":"x"}]}"#,
    "data.jsonl:1:27: /conversations/0/from: 'cat' is nobody who speaks in a conversation"
  ),
  (
    #"{"messages":[{"role":"user","content":"x"}],"tools":"x"}"#,
    "data.jsonl:1:53: /tools: expected a list of tools, found a text that is no JSON"
  ),
  (
    #"{"prompt":"x","completion":[{"role":"assistant","content":"y"}]}"#,
    "data.jsonl:1:11: /prompt: expected a list of messages, found a string"
  ),
  (
    #"{"prompt":[],"completion":[{"role":"assistant","content":"y"}]}"#, "data.jsonl:1:11: /prompt: the list has no messages"
  ),
  (
    #"{"prompt":"a","completion":"b"}"# + "\n"
      + #"{"prompt":[{"role":"user","content":"x"}],"completion":[{"role":"assistant","content":"y"}]}"#,
    "data.jsonl:2: a row with messages as 'prompt' after a row with 'prompt' (data.jsonl:1)"
  ),
])
func aMalformedConversationIsNamedWithItsPlace(row: String, expected: String) {
  #expect(message { try prepared(row) } == expected)
}

@Test func everyMutationOfAConversationIsARowOrOneSentenceWithItsPlace() throws {
  let seeds = [
    #"{"messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"Hi"}]},"#
      + #"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},"#
      + #"{"role":"tool","content":"3"},{"role":"assistant","content":"Yo"}],"#
      + #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#,
    #"{"system":"S","conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Yo"},"#
      + #"{"from":"human","value":"And?"},{"from":"gpt","value":"No"}],"tools":"[{\"name\":\"f\"}]"}"#,
    #"{"prompt":[{"role":"user","content":"Hi"}],"completion":[{"role":"assistant","content":"Yo"}],"tools":[]}"#,
  ]
  let workplace = try Workplace()
  var mutation = RowMutation(seed: 11)
  var (accepted, refused) = (0, 0)
  for round in 0..<1200 {
    let seed = seeds[round % 2]
    var text = seed
    if round % 4 < 2 {
      text = mutation.apply(to: try JSONDocument(seed, source: "seed").root)?.text(indent: 0) ?? ""
    } else {
      text = String(decoding: mutation.apply(to: Array(seed.utf8)), as: UTF8.self)
    }
    do {
      _ = try Prepared(
        seed + "\n" + text, in: workplace, options: { $0.chat.template = (Array(template.utf8), "t.jinja") })
      accepted += 1
    } catch let failure as Failure {
      refused += 1
      #expect(failure.kind == .badData)
      let place = try #require(failure.message.firstRange(of: "data.jsonl:"), "\(failure.message)")
      #expect(failure.message[place.upperBound...].first?.isNumber == true, "\(failure.message)")
      #expect(!failure.message.contains("\n"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: workplace.directory) == ["data.jsonl"])
    }
    for split in ["train", "validation", "test"] {
      try? FileManager.default.removeItem(atPath: workplace.path(split + ".safetensors"))
    }
  }
  #expect(accepted > 100 && refused > 100)
}

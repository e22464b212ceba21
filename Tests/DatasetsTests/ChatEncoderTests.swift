import ChatTemplates
import Datasets
import Failures
import JSON
import Testing
import Tokenizer

/// Writes each message as `role:content</s>` and a line break.
private let plain =
  "{% for m in messages %}{{ m.role }}:{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"

private func tokenizer() throws -> Tokenizer {
  try Tokenizer(
    JSONDocument(asciiTokenizer, source: "tokenizer.json"),
    configuration: JSONDocument(#"{"bos_token":"<s>","eos_token":"</s>"}"#, source: "tokenizer_config.json"))
}

private func conversation(_ turns: (String, String)...) -> Conversation {
  Conversation(messages: turns.map { ["role": .string($0), "content": .string($1)] })
}

private let talk = conversation(("user", "Hi"), ("assistant", "Yo"), ("user", "ab?"), ("assistant", "ab!"))

/// What is learned of a conversation, as text, with `·` between what does not stand together.
private func learned(
  _ template: String, _ conversation: Conversation, systemPrompt: String? = nil, masksHistory: Bool = false
) throws -> String {
  let tokenizer = try tokenizer()
  let encoder = ChatEncoder(
    try TemplateSet(template, name: "t.jinja"), tokenizer: tokenizer, systemPrompt: systemPrompt,
    masksHistory: masksHistory)
  let text = try encoder.text(of: conversation)
  let encoding = try tokenizer.encodeWithSpans(text.text, addSpecialTokens: false)
  let supervised = text.targets(encoding, tokenizer).supervised
  var parts: [String] = []
  for (index, id) in encoding.ids.enumerated() where supervised[index] {
    let piece = tokenizer.decode([id], skipSpecialTokens: false)
    if index > 0, supervised[index - 1], let last = parts.popLast() {
      parts.append(last + piece)
    } else {
      parts.append(piece)
    }
  }
  return parts.joined(separator: "·")
}

@Test func everyAnswerIsLearnedUpToItsEndOrOnlyTheLast() throws {
  #expect(try learned(plain, talk) == "Yo</s>·ab!</s>")
  #expect(try learned(plain, talk, masksHistory: true) == "ab!</s>")
  // Without a special token at the end, all that the template writes after the answer is learned.
  let bare =
    "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
  #expect(try learned(bare, talk) == "Yo\n·ab!\n")
  #expect(try learned(plain, conversation(("user", "a"), ("assistant", "b"), ("user", "c"))) == "b</s>")
  #expect(try learned(plain, conversation(("user", "a"))) == "")
}

@Test func theTemplateMarksWhatIsLearned() throws {
  let marking =
    "{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}\n{% endgeneration %}{% else %}{{ m.content }}{% endif %}</s>{% endfor %}"
  #expect(try learned(marking, talk) == "Yo\n·ab!\n")
  #expect(try learned(marking, talk, masksHistory: true) == "ab!\n")
}

@Test func answersAreFoundThoughTheTemplateWritesTheLastOtherwise() throws {
  // As Qwen 3 does: only the last answer shows its reasoning.
  let reasoning =
    "{% for m in messages %}{{ m.role }}:{% if loop.last and m.role == 'assistant' %}<think>{% endif %}{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
  #expect(try learned(reasoning, talk) == "Yo</s>·<think>ab!</s>")
  // As Phi 3 does: every text without a prompt ends with EOS, and only there.
  let ending =
    "{% for m in messages %}{{ m.role }}:{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}assistant:{% else %}{{ eos_token }}{% endif %}"
  #expect(try learned(ending, talk) == "Yo</s>·ab!</s>\n</s>")
}

@Test func aSystemPromptStandsInFrontWhereThereIsNone() throws {
  let tokenizer = try tokenizer()
  let encoder = ChatEncoder(
    try TemplateSet(plain, name: "t.jinja"), tokenizer: tokenizer, systemPrompt: "Be.")
  #expect(try encoder.prompt(conversation(("user", "Hi"))) == "system:Be.</s>\nuser:Hi</s>\nassistant:")
  #expect(try encoder.prompt(conversation(("system", "No."), ("user", "Hi"))).hasPrefix("system:No."))
}

@Test func anAnswerWhosePlaceCannotBeToldIsRefused() {
  let counting = "{{ messages|length }}{% for m in messages %}{{ m.content }}{% endfor %}"
  #expect(
    message { try learned(counting, talk) }
      == "where the answer in message 2 stands cannot be told: the chat template writes the conversation up to there in another way when it goes on"
  )
  #expect(message { try learned(counting, talk, masksHistory: true) }.contains("message 4"))
  let parts = Conversation(messages: [["role": "user", "content": [["type": "text", "text": "Hi"]]]])
  #expect(
    message { try learned(plain, parts) }
      == "the chat template does not understand content in parts")
  #expect(
    message { try learned("\n{{ raise_exception('no') }}", talk) }
      == "t.jinja:2: the template refuses the conversation: no")
}

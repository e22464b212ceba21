import Foundation
import JSON
import TestSupport
import Testing

/// A sandbox with a base whose tokenizer_config.json has a chat template, and conversations in chat.jsonl.
private func sandboxWithChats() throws -> Sandbox {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  let path = sandbox.path("model/tokenizer_config.json")
  var config =
    try JSONDocument(Array(Data(contentsOf: URL(filePath: path))), source: path).root.objectValue
    ?? JSONObject()
  config["chat_template"] = .string(
    "{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
  )
  try sandbox.write(JSON.object(config).text(), to: "model/tokenizer_config.json")
  try sandbox.succeed("import-base", ["--base-model", "model", "--output", "base"])
  let talk = #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#
  try sandbox.write(talk, to: "chat.jsonl")
  return sandbox
}

@Test func `conversations are written by the base's template, and its answers learned`() throws {
  let sandbox = try sandboxWithChats()
  let arguments = ["--base", "base", "--data-path", "chat.jsonl"]
  let first = try sandbox.succeed("prepare-data", arguments + ["--preview", "1", "--json", "-o", "one"])
  #expect(try first.json()["result"]?["train"]?["supervised_tokens"] == 3)
  #expect(first.errors.contains("user:Hi"))
  try sandbox.write(
    "{{ messages[0].content }}>{% generation %}{{ messages[1].content }}{% endgeneration %}", to: "t.jinja")
  let second = try sandbox.succeed(
    "prepare-data",
    arguments + ["--chat-template", "t.jinja", "--system-prompt", "Be.", "--json", "-o", "two"]
  ).json()
  #expect(second["result"]?["recipe"]?["system_prompt"] == "Be.")
}

@Test func `a template or an option that is wrong is named`() throws {
  let sandbox = try sandboxWithChats()
  let arguments = ["--base", "base", "--data-path", "chat.jsonl", "-o", "data"]
  try sandbox.write("\n{{ messages|nothing }}", to: "t.jinja")
  try sandbox.fail(
    "prepare-data", arguments + ["--chat-template", "t.jinja"], code: 65,
    saying: "t.jinja:2: the filter 'nothing' is not supported")
  try sandbox.write("{{ strftime_now('%Y') }}", to: "t.jinja")
  try sandbox.fail(
    "prepare-data", arguments + ["--chat-template", "t.jinja"], code: 65,
    saying: "say which with --template-date")
  try sandbox.fail(
    "prepare-data", arguments + ["--template-date", "2025-02-30"], code: 64, saying: "--template-date")
  let other = try sandboxWithBase()
  try other.write(#"{"messages":[{"role":"user","content":"Hi"}]}"#, to: "chat.jsonl")
  try other.fail("prepare-data", arguments, code: 66, saying: "chat.jsonl:1: the base has no chat template")
  try other.fail(
    "generate", ["--base", "base", "--prompt", "Hi", "--chat"], code: 66, saying: "has no chat template")
}

@Test func `generate writes the prompt with the chat template`() throws {
  let sandbox = try sandboxWithChats()
  let result = try sandbox.succeed(
    "generate",
    [
      "--base", "base", "--prompt", "Hi", "--chat", "--system-prompt", "Be.", "--max-new-tokens", "2",
      "--json",
    ]
  ).json()
  #expect(result["prompt"]?.stringValue?.hasPrefix("system:Be.") == true)
  #expect(result["prompt"]?.stringValue?.hasSuffix("assistant:") == true)
}

@Test func `generate asks in the form that a file gives`() throws {
  let sandbox = try sandboxWithChats()
  try sandbox.write("Q: {instruction} ({input})\nA:", to: "own.txt")
  try sandbox.write("{{ messages[0].content }}>", to: "own.jinja")
  let arguments = ["--base", "base", "--prompt", "Hi", "--max-new-tokens", "1", "--json"]
  let own = try sandbox.succeed("generate", arguments + ["--prompt-template", "own.txt", "--input", "there"]).json()
  #expect(own["prompt"] == "Q: Hi (there)\nA:")
  let chat = try sandbox.succeed("generate", arguments + ["--chat", "--chat-template", "own.jinja"]).json()
  #expect(chat["prompt"] == "Hi>")
  try sandbox.fail(
    "generate", arguments + ["--chat-template", "own.jinja"], code: 64, saying: "--template-date go with --chat")
  try sandbox.fail(
    "generate", arguments + ["--prompt-template", "own.txt", "--chat"], code: 64, saying: "exclude one another")
  try sandbox.write("{instruction}:", to: "own.txt")
  try sandbox.fail(
    "generate", arguments + ["--prompt-template", "own.txt", "--input", "there"], code: 65,
    saying: "there is an input, for which the template has no {input}")
  try sandbox.fail(
    "generate", arguments + ["--prompt-style", "chatml"], code: 65,
    saying: "the tokenizer has no token '<|im_start|>', which the prompt style 'chatml' is made of")
}

@Test func `generate asks in the form of a dataset's rows`() throws {
  let sandbox = try sandboxWithChats()
  let asking = ["--base", "base", "--dataset", "data", "--prompt", "Hi", "--max-new-tokens", "1", "--json"]
  func prepare(_ rows: String, _ flags: [String] = []) throws {
    try? FileManager.default.removeItem(atPath: sandbox.path("data"))
    try sandbox.write(rows, to: "rows.jsonl")
    try sandbox.succeed("prepare-data", ["--base", "base", "--data-path", "rows.jsonl", "-o", "data"] + flags)
  }
  func prompt(_ rows: String, _ preparation: [String] = [], _ flags: [String] = []) throws -> JSON? {
    try prepare(rows, preparation)
    return try sandbox.succeed("generate", asking + flags).json()["prompt"]
  }
  let talk = #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#
  #expect(try prompt(talk) == "user:Hi</s>\nassistant:")
  #expect(try prompt(talk, ["--system-prompt", "Be."]) == "system:Be.</s>\nuser:Hi</s>\nassistant:")
  #expect(try prompt(talk, ["--system-prompt", "Be."], ["--system-prompt", "Do."])?.stringValue?.hasPrefix("system:Do.") == true)
  try sandbox.write(
    "{{ messages[0].content }}>{% for m in messages[1:] %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    to: "own.jinja")
  #expect(try prompt(talk, ["--chat-template", "own.jinja"]) == "Hi>")
  // A dataset tells by itself how its rows were written, whatever template the base has that is asked.
  try prepare(talk)
  try FileManager.default.copyItem(atPath: sandbox.path("model"), toPath: sandbox.path("twin"))
  let config = try String(contentsOfFile: sandbox.path("twin/tokenizer_config.json"), encoding: .utf8)
  try sandbox.write(config.replacing("assistant:", with: "model:"), to: "twin/tokenizer_config.json")
  try sandbox.succeed("import-base", ["--base-model", "twin", "--output", "other"])
  let asked = try sandbox.succeed(
    "generate", ["--base", "other", "--dataset", "data", "--prompt", "Hi", "--max-new-tokens", "1", "--json"]).json()
  #expect(asked["prompt"] == "user:Hi</s>\nassistant:")
  let instruction = #"{"instruction":"Add","input":"1","output":"2"}"#
  #expect(
    try prompt(instruction, ["--prompt-style", "plain"], ["--input", "3"])
      == "### Instruction:\nHi\n\n### Input:\n3\n\n### Response:\n")
  try sandbox.write("Q: {instruction} ({input})\nA:", to: "own.txt")
  #expect(try prompt(instruction, ["--prompt-template", "own.txt"], ["--input", "there"]) == "Q: Hi (there)\nA:")
  #expect(try prompt(#"{"prompt":"a","completion":"b"}"#) == "Hi")
  try sandbox.fail(
    "generate", asking + ["--input", "x"], code: 64, saying: "--input is for instructions, which the rows of --dataset are not")
  try prepare(#"{"input_ids":[1,2,3]}"#)
  try sandbox.fail("generate", asking, code: 65, saying: "/dataset/row_form: the rows came as token ids")
}

@Test func `a conversation that is wrong leaves nothing behind`() throws {
  let sandbox = try sandboxWithChats()
  let talk = #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#
  for (row, place) in [
    (String(talk.dropLast(9)), "bad.jsonl:2:65: not valid JSON"),
    (talk.replacing(#""user""#, with: "7"), "bad.jsonl:2:22: /messages/0/role: expected a string, found an integer"),
  ] {
    try sandbox.write(talk + "\n" + row, to: "bad.jsonl")
    try sandbox.fail("prepare-data", ["--base", "base", "--data-path", "bad.jsonl", "-o", "data"], code: 65, saying: place)
  }
}

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

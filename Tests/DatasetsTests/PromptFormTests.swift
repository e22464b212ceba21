import ChatTemplates
import Datasets
import Failures
import JSON
import Testing
import Tokenizer

private func form(_ kind: String, _ recipe: String = "{}") throws -> PromptForm {
  try PromptForm(JSONDocument(#"{"row_form":"\#(kind)","recipe":\#(recipe)}"#, source: "artifact.json").cursor)
}

@Test func aPromptBeginsAsRowsDo() throws {
  let tokenizer = try Tokenizer(
    JSONDocument(asciiTokenizer, source: "tokenizer.json"),
    configuration: JSONDocument(#"{"bos_token":"<s>","eos_token":"</s>"}"#, source: "tokenizer_config.json"))
  let plain = try tokenizer.encode("xy", addSpecialTokens: false), bos = tokenizer.prefixIDs
  #expect(bos.count == 1)
  #expect(try PromptForm.text.ids(of: "xy", tokenizer) == bos + plain)
  // A text may begin with BOS itself; a chat template writes what it wants.
  #expect(try PromptForm.text.ids(of: "<s>xy", tokenizer) == bos + plain)
  #expect(try PromptForm.conversation(ChatOptions()).ids(of: "xy", tokenizer) == plain)
}

@Test func theFormOfADatasetIsItsRecipes() throws {
  guard case .text = try form("prompt") else { throw Failure(.badData, "a prompt is a text") }
  guard case .instruction(let plain) = try form("instruction", #"{"prompt_style":"plain","prompt_template":null}"#) else {
    throw Failure(.badData, "an instruction is one")
  }
  #expect(plain == PromptStyle.plain.template)
  let recipe = #"{"chat_template":"t","system_prompt":"S","template_date":"2025-07-31"}"#
  guard case .conversation(let chat) = try form("conversation", recipe) else {
    throw Failure(.badData, "a conversation is one")
  }
  #expect(chat.template?.bytes == Array("t".utf8) && chat.systemPrompt == "S" && chat.date?.rawValue == "2025-07-31")
  for (kind, recipe, complaint) in [
    ("tokens", "{}", "artifact.json:1:13: /row_form: the rows came as token ids, which do not tell the form of a prompt"),
    ("odd", "{}", "artifact.json:1:13: /row_form: unknown rows 'odd'"),
    ("instruction", #"{"prompt_style":"odd"}"#, "artifact.json:1:52: /recipe/prompt_style: unknown style 'odd'"),
    ("conversation", #"{"template_date":"odd"}"#, "artifact.json:1:54: /recipe/template_date: expected a day"),
  ] {
    #expect(message { try form(kind, recipe) } == complaint)
  }
  #expect(
    message { try PromptForm(JSONDocument(#"{"recipe":{}}"#, source: "old.json").cursor) }
      == "old.json:1:1: the dataset does not say what its rows are")
}

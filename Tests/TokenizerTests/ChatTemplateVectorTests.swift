import ChatTemplates
import JSON
import Testing
import Tokenizer

/// Conversations through the template of a tokenizer_config.json, with the text and the ids that transformers gives.
@Test(arguments: [Fixture.llama3, .qwen2]) func conversationsBecomeTheTokensOfTransformers(_ fixture: Fixture) throws {
  let tokenizer = try fixture.tokenizer()
  let configuration = fixture.path("tokenizer_config.json")
  let templates = try #require(
    try TemplateSet(
      configuration: JSONDocument([UInt8](contentsOfFile: configuration), source: configuration).cursor))
  let path = fixture.path("templates.json")
  let vectors = try JSONDocument([UInt8](contentsOfFile: path), source: path).cursor.elements()
  #expect(!vectors.isEmpty)
  for vector in vectors {
    var context = ChatTemplate.Context()
    context.specialTokens = tokenizer.configuration.specialTokens
    context.addsGenerationPrompt = try vector.field("add_generation_prompt").bool()
    let messages = try vector.field("messages").elements().map(\.value)
    let rendered = try templates.template(hasTools: false).render(messages, context).text
    #expect(try rendered.utf8.elementsEqual(vector.field("rendered").string().utf8))
    #expect(try tokenizer.encode(rendered, addSpecialTokens: false) == vector.field("ids").integers())
  }
}

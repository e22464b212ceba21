import Datasets
import Testing

@Test func oneLongDocumentIsAWarning() throws {
  let prepared = try Prepared("xxxxxxxxxx", name: "a.txt") { $0.cutoffLength = 5 }
  #expect(
    prepared.summary.warnings.prefix(1) == [
      "the text is one document, of which only 5 tokens are used; "
        + "say with --text-separator what stands between documents"
    ])
}

@Test func theClassicalMistakesAreWarnings() throws {
  let warnings = { (data: String, configuration: String, change: @escaping (inout DatasetOptions) -> Void) in
    try Prepared(data, configuration: configuration, options: change).summary.warnings.map { $0.prefix(48) }
  }
  let usual = #"{"bos_token":"<s>","eos_token":"</s>"}"#
  #expect(try warnings(#"{"text":"x"}"#, usual) { _ in } == [])
  #expect(try warnings(#"{"text":"x"}"#, usual) { $0.addsEOS = false } == ["no row has the end-of-text token 1 among what is"])
  #expect(
    try warnings(#"{"text":"x"}"#, #"{"bos_token":"<s>","eos_token":"</s>","pad_token":"</s>"}"#) { _ in }
      == ["the padding token is the end-of-text token (1): "])
  #expect(try warnings(#"{"text":"<s><s>x"}"#, usual) { _ in } == ["1 rows begin with two BOS tokens (0): the data h"])
  #expect(try warnings(#"{"input_ids":[5,6,1]}"#, usual) { _ in } == ["1 rows of input_ids do not begin with BOS (0), w"])
  #expect(
    message { try Prepared(#"{"text":"x"}"#, vocabularySize: 1) }
      == "the token 1, with which the tokenizer begins or ends rows, is outside the model's vocabulary (0 to 0)")
  // One that is learned is enough, whatever follows.
  let row = #"{"input_ids":[0,5,1,6,1],"labels":[-100,5,1,-100,-100]}"#
  #expect(try warnings(row, usual) { _ in } == [])
  let small = try Prepared(#"{"text":"x"}"#, vocabularySize: 98).summary.warnings
  #expect(small.map { $0.prefix(45) } == ["the tokenizer has 100 tokens, the model's emb"])
}

@Test func aChatTemplateWithoutBOSOrWithTwoIsAWarning() throws {
  let warnings = { (beginning: String, tokenizer: String) in
    try Prepared(
      #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yo"}]}"#, tokenizer: tokenizer
    ) {
      let template = beginning + "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
      $0.chat.template = (Array(template.utf8), "t.jinja")
    }.summary.warnings
  }
  #expect(try warnings("{{ bos_token }}", asciiTokenizer) == [])
  #expect(
    try warnings("", asciiTokenizer) == [
      "1 conversations do not begin with BOS (0), which the tokenizer puts before every text: the chat template writes none"
    ])
  #expect(
    try warnings("{{ bos_token }}{{ bos_token }}", asciiTokenizer) == [
      "1 rows begin with two BOS tokens (0): the data has one of its own too many"
    ])
  let withoutBOS = asciiTokenizer.replacing(#"{"SpecialToken":{"id":"<s>","type_id":0}},"#, with: "")
  #expect(try warnings("", withoutBOS) == [])
}

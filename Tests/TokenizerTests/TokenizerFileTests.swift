import Failures
import FoundationEssentials
import JSON
import TestSupport
import Testing
import Tokenizer

private func message(_ text: String, configuration: String? = nil) -> String {
  do {
    _ = try tokenizer(text, configuration: configuration)
    return "accepted"
  } catch let failure as Failure {
    return failure.kind == .badData ? failure.message : "kind \(failure.kind)"
  } catch { return "\(error)" }
}

private func component(_ text: String) -> String {
  message(tokenizerText(vocabulary: ["a", "b"], components: text + ","))
}

@Test func unsupportedComponentsAreRefusedByName() {
  #expect(
    component(#""normalizer":{"type":"Precompiled"}"#)
      == "tokenizer.json:1:23: /normalizer/type: the normalizer 'Precompiled' is not supported")
  #expect(
    component(#""pre_tokenizer":{"type":"Punctuation"}"#).hasSuffix(
      "the pre-tokenizer 'Punctuation' is not supported"))
  #expect(
    component(#""post_processor":{"type":"BertProcessing"}"#).hasSuffix(
      "the post-processor 'BertProcessing' is not supported"))
  #expect(component(#""decoder":{"type":"WordPiece"}"#).hasSuffix("the decoder 'WordPiece' is not supported"))
  #expect(
    message(tokenizerText(vocabulary: [], model: #""type":"Unigram","#)).hasSuffix(
      "the model 'Unigram' is not supported"))
  #expect(
    message(tokenizerText(vocabulary: [], model: #""dropout":0.1,"#)).contains("dropout is not supported"))
  #expect(component(#""version":"2.0""#).hasSuffix("expected version 1.0, found '2.0'"))
  #expect(
    component(#""decoder":{"type":"Replace","pattern":{"Regex":"a"},"content":"b"}"#).hasSuffix(
      "a regular expression in a decoder is not supported"))
  #expect(component(#""normalizer":{"type":"NFC","strict":true}"#).contains("unknown field 'strict'"))
}

@Test func malformedPiecesAreNamedWithTheirPlace() {
  #expect(message("{}").hasSuffix("the field 'model' is missing"))
  #expect(
    message(#"{"model":{"vocab":[],"merges":[]}}"#) == "tokenizer.json:1:19: /model/vocab: expected an object"
  )
  #expect(
    message(#"{"model":{"vocab":{"a":-1},"merges":[]}}"#).contains(
      "/model/vocab/a: expected a token id from 0 to"))
  #expect(
    message(#"{"model":{"vocab":{"a":1,"b":1},"merges":[]}}"#).hasSuffix(
      "/model/vocab/b: the id 1 belongs to two tokens"))
  #expect(message(#"{"model":{"vocab":{},"merges":{}}}"#).hasSuffix("expected an array"))
  for merge in [#""ab""#, #""a b c""#, #"["a"]"#, "1"] {
    let text = #"{"model":{"vocab":{"a":0},"merges":[\#(merge)]}}"#
    #expect(
      message(text) == #"tokenizer.json:1:37: /model/merges/0: expected two tokens, as "a b" or ["a", "b"]"#)
  }
  for (vocabulary, token) in [(["b"], "a"), (["a"], "b"), (["a", "b"], "ab")] {
    let text = message(tokenizerText(vocabulary: vocabulary, merges: ["a b"]))
    #expect(text.hasSuffix("/model/merges/0: the token '\(token)' of this merge is not in the vocabulary"))
  }
  #expect(
    message(tokenizerText(vocabulary: [], model: #""unk_token":"u","#)).hasSuffix(
      "the unknown token 'u' is not in the vocabulary"))
  #expect(
    component(#""pre_tokenizer":{"type":"Split","pattern":{"String":""},"behavior":"Isolated"}"#).hasSuffix(
      "the pattern is empty"))
  #expect(
    component(#""pre_tokenizer":{"type":"Split","pattern":{"String":"x"},"behavior":"Odd"}"#).hasSuffix(
      "the split behavior 'Odd' is not known"))
  #expect(
    component(#""pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"}"#).contains(
      "is wrong at character"))
  #expect(
    component(#""pre_tokenizer":{"type":"Metaspace","replacement":"ab"}"#).hasSuffix(
      "expected one character, found 'ab'"))
  #expect(
    component(#""pre_tokenizer":{"type":"Metaspace","replacement":"a","prepend_scheme":"x"}"#).hasSuffix(
      "expected always, never or first, found 'x'"))
  #expect(
    component(#""decoder":{"type":"Strip","content":"","start":0,"stop":0}"#).hasSuffix(
      "expected one character, found ''"))
}

@Test func addedTokensMustAgreeWithTheVocabulary() {
  let added = { (tokens: [(Int, String)]) in
    let list = tokens.map {
      #"{"id":\#($0),"content":"\#($1)","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"#
    }
    return component(#""added_tokens":[\#(list.joined(separator: ","))]"#)
  }
  #expect(
    added([(5, "a")]).hasSuffix("/added_tokens/0/id: this added token has the id 5, but 0 in the vocabulary"))
  #expect(added([(1, "x")]).hasSuffix("the id 1 belongs to 'b' in the vocabulary"))
  #expect(added([(2, "x"), (2, "y")]).hasSuffix("/added_tokens/1/id: the id 2 belongs to two added tokens"))
  #expect(added([(2, "x"), (3, "x")]).hasSuffix("/added_tokens/1/content: this token is added twice"))
  #expect(added([(2, "")]).hasSuffix("an added token is empty"))
  #expect(added([(0, "a"), (2, "x")]) == "accepted")
}

@Test func templatesHoldTheTextOnceAndKnownTokens() {
  let template = { (single: String, special: String) in
    component(
      #""post_processor":{"type":"TemplateProcessing","single":[\#(single)],"pair":[],"special_tokens":{\#(special)}}"#
    )
  }
  let text = #"{"Sequence":{"id":"A","type_id":0}}"#
  let token = #"{"SpecialToken":{"id":"x","type_id":0}}"#
  #expect(template(text, "") == "accepted")
  #expect(template("", "").hasSuffix("the template does not hold the text (the sequence A)"))
  #expect(template(text + "," + text, "").hasSuffix("must hold the sequence A once, and no other"))
  #expect(template(text + "," + token, "").hasSuffix("the field 'x' is missing"))
  #expect(
    template(text + "," + token, #""x":{"id":"x","ids":[2]}"#).contains(
      "expected an integer from 0 to 1, found 2"))
}

@Test func aTokenOfTheConfigurationMustExist() {
  #expect(
    message(tokenizerText(vocabulary: ["a"]), configuration: #"{"eos_token":{"content":"</s>"}}"#)
      == "tokenizer_config.json:1:25: /eos_token/content: the token '</s>' is not in the vocabulary of the tokenizer"
  )
  #expect(
    message(tokenizerText(vocabulary: ["a"]), configuration: #"{"bos_token":1}"#).hasSuffix(
      "expected a string, found an integer"))
}

@Test func aMissingFileIsMissingInput() {
  do {
    _ = try Tokenizer(tokenizerFile: "/nonexistent/tokenizer.json", configurationFile: nil)
  } catch {
    #expect(error.kind == .missingInput)
    #expect(error.message == "the file /nonexistent/tokenizer.json does not exist")
  }
  do {
    _ = try Tokenizer(tokenizerFile: "/", configurationFile: nil)
  } catch {
    #expect(error.kind == .io)
  }
}

@Test func threadsShareATokenizer() async throws {
  let tokenizer = try Fixture.llama3.tokenizer()
  let texts = try Fixture.llama3.vectors().map { try $0.field("text").string() }
  let alone = try texts.map { try tokenizer.encode($0, addSpecialTokens: true) }
  try await withThrowingTaskGroup(of: [[Int32]].self) { group in
    for _ in 0..<4 { group.addTask { try texts.map { try tokenizer.encode($0, addSpecialTokens: true) } } }
    for try await together in group { #expect(together == alone) }
  }
}

/// Every mutation of a tokenizer.json is refused with a `Failure`, or makes a tokenizer that works.
@Test(arguments: [Fixture.qwen2, .llama2]) func mutatedFilesNeverTrap(_ fixture: Fixture) throws {
  var random = SeededGenerator(state: 11)
  let seed = try shortened(
    JSONDocument([UInt8](contentsOfFile: fixture.path("tokenizer.json")), source: "t").root)
  for _ in 0..<400 {
    var bytes = Array(seed.text().utf8)
    for _ in 0..<Int(random.next() % 3 + 1) {
      let place = Int(random.next() % UInt64(bytes.count))
      switch random.next() % 4 {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 5)], at: place)
      default: bytes[place] = Array("0123456789\"{}[],:-".utf8)[Int(random.next() % 18)]
      }
    }
    do throws(Failure) {
      let tokenizer = try Tokenizer(JSONDocument(bytes, source: "tokenizer.json"), configuration: nil)
      let encoding = try tokenizer.encodeWithSpans("  Héllo e\u{301} <s>\n12 ", addSpecialTokens: true)
      #expect(encoding.spans.allSatisfy { $0.upperBound <= 22 })
      _ = tokenizer.scalarOffsets(of: encoding, in: "  Héllo e\u{301} <s>\n12 ")
      _ = tokenizer.decode(encoding.ids + [-1, Int32.max], skipSpecialTokens: true)
    } catch {
      #expect(
        error.message.hasPrefix("tokenizer.json:")
          || error.message.hasPrefix("matching the regular expression"))
    }
  }
}

/// The file with fewer tokens and merges, so that a test can read it many times.
private func shortened(_ file: JSON) -> JSON {
  guard case .object(var root) = file, case .object(var model)? = root["model"] else { return file }
  let vocabulary = model["vocab"]?.objectValue?.members ?? []
  var kept = JSONObject()
  let special = root["added_tokens"]?.arrayValue?.compactMap { $0["content"]?.stringValue } ?? []
  for (token, id) in vocabulary where token.utf8.count == 1 || special.contains(token) { kept[token] = id }
  let merges = model["merges"]?.arrayValue?.prefix(60) ?? []
  for merge in merges {
    let parts = merge.arrayValue?.compactMap(\.stringValue) ?? []
    for token in parts + [parts.joined()] { kept[token] = vocabulary.first { $0.key == token }?.value }
  }
  model["vocab"] = .object(kept)
  model["merges"] = .array(Array(merges))
  root["model"] = .object(model)
  return .object(root)
}

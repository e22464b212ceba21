import Foundation
import JSON
import Testing
import Tokenizer

private func vocabulary(_ text: String, count: Int) throws -> GGUFVocabulary {
  try GGUFVocabulary(JSONDocument(text, source: "tokenizer.json"), count: count)
}

private let byteLevel = #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#
private let marks = #"{"type":"Replace","pattern":{"String":" "},"content":"▁"}"#

@Test(arguments: [
  (Fixture.gpt2, "gpt2", "gpt-2", Bool?.none), (.llama3, "gpt2", "llama-bpe", nil), (.qwen2, "gpt2", "qwen2", nil),
  (.llama2, "llama", "default", true), (.gemma, "llama", "default", false),
]) private func knowsTheTokenizersOfEveryKind(_ fixture: Fixture, model: String, pre: String, addsSpace: Bool?) throws {
  let size = try fixture.tokenizer().vocabularySize
  let vocabulary = try GGUFVocabulary(tokenizerFile: fixture.path("tokenizer.json"), count: size + 2)
  #expect((vocabulary.model, vocabulary.preTokenizer) == (model, pre) && vocabulary.addsSpacePrefix == addsSpace)
  #expect(vocabulary.tokens.count == size + 2 && vocabulary.types.count == size + 2)
  #expect(vocabulary.tokens.last == Array("[PAD\(size + 1)]".utf8) && vocabulary.types.last == .unused)
  #expect(vocabulary.scores.isEmpty == (model == "gpt2") && vocabulary.merges.isEmpty == (model == "llama"))
  #expect(vocabulary.types.contains(.control) && vocabulary.types.contains(.byte) == (model == "llama"))
}

/// The vocabulary of a byte-level tokenizer, to the last field.
@Test func aByteLevelVocabularyHasItsMerges() throws {
  let added = #"""
    "added_tokens":[{"id":4,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false},
    {"id":5,"content":"▁x","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}],
    """#
  let text = tokenizerText(
    vocabulary: ["a", "Ġ", "Ġa", "aa"], merges: ["Ġ a", "a a"],
    components: added + #""pre_tokenizer":\#(byteLevel),"normalizer":{"type":"NFC"},"#)
  let vocabulary = try vocabulary(text, count: 7)
  let tokens = ["a", "Ġ", "Ġa", "aa", "<|end|>", " x", "[PAD6]"]
  #expect(vocabulary.tokens.map { String(decoding: $0, as: UTF8.self) } == tokens)
  #expect(vocabulary.types == [.normal, .normal, .normal, .normal, .control, .userDefined, .unused])
  #expect(vocabulary.merges == ["Ġ a", "a a"].map { Array($0.utf8) })
  #expect(vocabulary.unknownID == nil)
}

/// Results of merges come first and in their order, each as often as it is made; then what no merge makes.
@Test func scoresOfASentencePieceVocabularySayTheOrderOfMerges() throws {
  let text = tokenizerText(
    vocabulary: ["<unk>", "<0x0A>", "▁", "a", "b", "ab", "▁a", "▁ab"],
    merges: ["▁ a", "a b", "▁a b", "▁ ab"], model: #""unk_token":"<unk>","byte_fallback":true,"#,
    components: #""normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},\#(marks)]},"#)
  let vocabulary = try vocabulary(text, count: 9)
  #expect(vocabulary.types == [.unknown, .byte, .normal, .normal, .normal, .normal, .normal, .normal, .unused])
  #expect(vocabulary.scores == [0, 0, -3, -4, -5, -1, 0, -2, -10_000])
  #expect(vocabulary.unknownID == 0 && vocabulary.addsSpacePrefix == true)
}

@Test(arguments: [
  ("first", true), ("always", true), ("never", false),
]) func aMetaspaceSaysWhetherASpaceIsPutBeforeATexts(scheme: String, adds: Bool) throws {
  let text = tokenizerText(
    vocabulary: ["▁", "a"], model: #""byte_fallback":true,"#,
    components: #""pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"\#(scheme)","split":false},"#)
  #expect(try vocabulary(text, count: 2).addsSpacePrefix == adds)
}

@Test func whatLlamaCppDoesNotKnowIsRefusedByName() {
  func refusal(_ components: String, model: String = "", count: Int = 9) -> String {
    do {
      _ = try vocabulary(tokenizerText(vocabulary: ["a", "b"], model: model, components: components), count: count)
      return "taken"
    } catch {
      return "\(error)"
    }
  }
  let split = #""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"x+"},"behavior":"Isolated","invert":false},\#(byteLevel)]},"#
  let cases: [(components: String, model: String, what: String)] = [
    (split, "", "/pre_tokenizer/pretokenizers/0: llama.cpp has no name for this pre-tokenizer: split x+, then words"),
    (#""pre_tokenizer":\#(byteLevel),"#, #""ignore_merges":true,"#, "no name for this pre-tokenizer with ignore_merges: words"),
    (#""pre_tokenizer":\#(byteLevel.replacingOccurrences(of: "false", with: "true")),"#, "", "/pre_tokenizer: llama.cpp knows no such pre-tokenizer"),
    (#""pre_tokenizer":\#(byteLevel),"normalizer":{"type":"Lowercase"},"#, "", #"/normalizer: llama.cpp knows no such normalizer: {"type":"Lowercase"}"#),
    (#""normalizer":{"type":"NFKC"},"#, #""byte_fallback":true,"#, "/normalizer: llama.cpp knows no such normalizer"),
    (#""pre_tokenizer":{"type":"Digits"},"normalizer":\#(marks),"#, #""byte_fallback":true,"#, "/pre_tokenizer: llama.cpp knows no such pre-tokenizer"),
    ("", "", "/model: llama.cpp knows byte-level BPE and BPE with byte fallback, and the tokenizer is neither"),
    (#""pre_tokenizer":\#(byteLevel),"#, #""end_of_word_suffix":"</w>","#, "/model/end_of_word_suffix: llama.cpp does not know tokens"),
  ]
  for (components, model, what) in cases {
    let message = refusal(components, model: model)
    #expect(message.contains(what), "\(message)")
  }
  #expect(refusal(#""pre_tokenizer":\#(byteLevel),"#, count: 1).contains("the tokenizer has 2 ids, more than the model's 1"))
}

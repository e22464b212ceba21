import JSON
import TestSupport
import Testing
import Tokenizer

@Test(arguments: Fixture.allCases) func everyVectorMatchesHuggingFace(_ fixture: Fixture) throws {
  let tokenizer = try fixture.tokenizer()
  for vector in try fixture.vectors() {
    let text = try vector.field("text").string()
    let encoding = try tokenizer.encodeWithSpans(text, addSpecialTokens: false)
    #expect(try encoding.ids == vector.field("ids").integers(), "\(text.debugDescription)")
    let offsets = tokenizer.scalarOffsets(of: encoding, in: text)
    let expected = try vector.field("offsets").elements().map { try $0.integers() }
    #expect(
      offsets.map { [Int32($0.lowerBound), Int32($0.upperBound)] } == expected, "\(text.debugDescription)")
    let special = try tokenizer.encode(text, addSpecialTokens: true)
    #expect(try special == vector.field("ids_with_special").integers())
    let decoded = tokenizer.decode(encoding.ids, skipSpecialTokens: false)
    #expect(try decoded.utf8.elementsEqual(vector.field("decoded").string().utf8), "\(text.debugDescription)")
    let skipped = tokenizer.decode(special, skipSpecialTokens: true)
    #expect(try skipped.utf8.elementsEqual(vector.field("decoded_skip_special").string().utf8))
  }
}

@Test func charactersThatCompareEqualInSwiftAreDifferentTokens() throws {
  let tokenizer = try tokenizer(tokenizerText(vocabulary: ["é", "e", "\u{301}", "e\u{301}"], merges: []))
  #expect(try tokenizer.encode("é", addSpecialTokens: false) == [0])
  #expect(try tokenizer.encode("e\u{301}", addSpecialTokens: false) == [1, 2])
  #expect(tokenizer.tokenID(of: "e\u{301}") == 3)
  #expect(tokenizer.tokenID(of: "ê") == nil)
}

@Test func theLowestRankedPairMergesFirstAndTheLeftmostOfThem() throws {
  let vocabulary = ["a", "b", "c", "ab", "bc", "aa", "aab"]
  let text = tokenizerText(vocabulary: vocabulary, merges: ["b c", "a a", "a b", "aa b"])
  let tokenizer = try tokenizer(text)
  #expect(try tokenizer.encode("abc", addSpecialTokens: false) == [0, 4])
  #expect(try tokenizer.encode("aaab", addSpecialTokens: false) == [5, 3])
  #expect(try tokenizer.encode("aab", addSpecialTokens: false) == [6])
}

@Test func wordsTokenizedOneByOneAreWordsTokenizedTogether() throws {
  // The second vocabulary has a token across the start of a word, so its text is never cut at words.
  let characters = ["▁", "a", "b", "▁a", "ab", "▁ab", "▁▁"]
  let merges = ["▁ a", "a b", "▁a b", "▁ ▁"]
  let apart = try tokenizer(tokenizerText(vocabulary: characters + ["x"], merges: merges))
  let together = try tokenizer(tokenizerText(vocabulary: characters + ["b▁"], merges: merges + ["b ▁"]))
  var random = SeededGenerator(state: 3)
  for _ in 0..<300 {
    let text = (0..<Int(random.next() % 30)).map { _ in ["▁", "a", "a▁"][Int(random.next() % 3)] }.joined()
    let ids = try apart.encode(text, addSpecialTokens: false)
    #expect(try ids == together.encode(text, addSpecialTokens: false))
    #expect(apart.decode(ids, skipSpecialTokens: false).split(separator: " ").joined() == text)
  }
}

@Test func unknownCharactersBecomeBytesOrTheUnknownTokenOrNothing() throws {
  let vocabulary = ["a", "<unk>", "<0xC3>", "<0xA9>"]
  let encode = { (model: String, text: String) in
    try tokenizer(tokenizerText(vocabulary: vocabulary, model: model)).encode(text, addSpecialTokens: false)
  }
  #expect(try encode("", "xax") == [0])
  #expect(try encode(#""unk_token":"<unk>","#, "xyaz") == [1, 1, 0, 1])
  #expect(try encode(#""unk_token":"<unk>","fuse_unk":true,"#, "xyaz") == [1, 0, 1])
  #expect(try encode(#""unk_token":"<unk>","byte_fallback":true,"#, "aéx") == [0, 2, 3, 1])
}

@Test func affixesOfSubwordsAreSpelledIntoTheTokens() throws {
  let model = #""continuing_subword_prefix":"@","end_of_word_suffix":"$","#
  let text = tokenizerText(
    vocabulary: ["a", "@b", "@c$", "@bc$", "abc$"], merges: ["@b @c$", "a @bc$"], model: model)
  #expect(try tokenizer(text).encode("abc", addSpecialTokens: false) == [4])
}

@Test func aWholePieceOfTheVocabularyNeedsNoMergesWhenTheyAreIgnored() throws {
  let vocabulary = ["a", "b", "ab"]
  let ignoring = try tokenizer(tokenizerText(vocabulary: vocabulary, model: #""ignore_merges":true,"#))
  #expect(try ignoring.encode("ab", addSpecialTokens: false) == [2])
  #expect(
    try tokenizer(tokenizerText(vocabulary: vocabulary)).encode("ab", addSpecialTokens: false) == [0, 1])
}

@Test func addedTokensAreFoundLongestFirstAndTakeTheirSpaces() throws {
  let added = { (id: Int, content: String, flags: String) in
    let values = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    let fields = values.map { #""\#($0)":\#(flags.contains($0.prefix(1)))"# }.joined(separator: ",")
    return #"{"id":\#(id),"content":"\#(content)",\#(fields)}"#
  }
  let tokens = [added(3, "<x>", ""), added(4, "<x>y", ""), added(5, "<l>", "l"), added(6, "<r>", "r")]
  let components = #""added_tokens":[\#((tokens + [added(7, "b", "s")]).joined(separator: ","))],"#
  let tokenizer = try tokenizer(tokenizerText(vocabulary: ["a", " ", "y"], components: components))
  let encode = { try tokenizer.encode($0, addSpecialTokens: false) }
  #expect(try encode("a<x>y<x>") == [0, 4, 3])
  #expect(try encode("a \u{2003}<l> a") == [0, 5, 1, 0])
  #expect(try encode("a <r> \n a") == [0, 1, 6, 0])
  #expect(try encode("b ab b") == [7, 1, 0, 1, 7])
  #expect(try tokenizer.encodeWithSpans(" <l> a", addSpecialTokens: false).spans == [0..<4, 4..<5, 5..<6])
}

@Test func theConfigurationNamesTokensAndOverrulesTheTemplate() throws {
  let template = #"""
    "post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},
    {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}]},
    """#
  let text = tokenizerText(vocabulary: ["a", "<s>", "</s>"], components: template)
  let names = #""bos_token":{"content":"<s>","lstrip":false},"eos_token":"</s>","pad_token":null"#
  let plain = try tokenizer(text, configuration: "{\(names)}")
  #expect([plain.bosID, plain.eosID, plain.padID] == [1, 2, nil])
  #expect(try plain.encode("a", addSpecialTokens: true) == [1, 0])
  let reversed = try tokenizer(
    text, configuration: #"{\#(names),"add_bos_token":false,"add_eos_token":true}"#)
  #expect(try reversed.encode("a", addSpecialTokens: true) == [0, 2])
  #expect([reversed.prefixIDs, reversed.suffixIDs] == [[], [2]])
}

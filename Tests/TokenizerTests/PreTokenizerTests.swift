import Failures
import JSON
import Testing
import Tokenizer

/// The pieces into which a pre-tokenizer cuts a text: with no merges and merges ignored, only a piece as a whole
/// is one of the given tokens.
private func pieces(_ preTokenizer: String, _ text: String, of tokens: [String]) throws -> [String] {
  let components = #""pre_tokenizer":\#(preTokenizer),"decoder":{"type":"Fuse"},"#
  let tokenizer = try tokenizer(
    tokenizerText(
      vocabulary: ["?"] + tokens, model: #""ignore_merges":true,"unk_token":"?","fuse_unk":true,"#,
      components: components))
  return try tokenizer.encode(text, addSpecialTokens: false).map {
    tokenizer.decode([$0], skipSpecialTokens: false)
  }
}

@Test(arguments: [
  ("Removed", ["aa", "bb", "cc"], ["aa", "bb", "cc"]),
  ("Isolated", ["aa", "-", "-", "bb", "-", "cc"], ["aa", "--", "bb", "-", "cc"]),
  ("MergedWithPrevious", ["aa-", "-", "bb-", "cc"], ["aa--", "bb-", "cc"]),
  ("MergedWithNext", ["aa", "-", "-bb", "-cc"], ["aa", "--bb", "-cc"]),
  ("Contiguous", ["aa", "--", "bb", "-", "cc"], ["aa", "--", "bb", "-", "cc"]),
])
func splitsAtAPattern(behavior: String, expected: [String], inverted: [String]) throws {
  let split = #"{"type":"Split","pattern":{"String":"-"},"behavior":"\#(behavior)","invert":false}"#
  #expect(try pieces(split, "aa--bb-cc", of: Array(Set(expected)).sorted()) == expected)
  // Inverted, what lies between the words is what splits.
  let words = #"{"type":"Split","pattern":{"Regex":"[a-z]+"},"behavior":"\#(behavior)","invert":true}"#
  #expect(try pieces(words, "aa--bb-cc", of: Array(Set(inverted)).sorted()) == inverted)
}

@Test func digitsStandAloneOrTogether() throws {
  let tokens = ["ab", "12", "1", "2", "½", "1²"]
  #expect(
    try pieces(#"{"type":"Digits","individual_digits":true}"#, "ab12½", of: tokens) == ["ab", "1", "2", "½"])
  #expect(try pieces(#"{"type":"Digits"}"#, "ab1²ab", of: tokens) == ["ab", "1²", "ab"])
}

@Test func metaspaceMarksWords() throws {
  let scheme = { (name: String) in #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"\#(name)"}"# }
  let tokens = ["▁ab", "ab", "▁c"]
  #expect(try pieces(scheme("always"), "ab c", of: tokens) == ["▁ab", "▁c"])
  #expect(try pieces(scheme("never"), "ab c", of: tokens) == ["ab", "▁c"])
  #expect(try pieces(scheme("first"), " ab c", of: tokens) == ["▁ab", "▁c"])
  let cut =
    #"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":"c"},"behavior":"Removed"},\#(scheme("first"))]}"#
  #expect(try pieces(cut, "abcab", of: tokens) == ["▁ab", "ab"])
  #expect(
    try pieces(#"{"type":"Metaspace","replacement":"▁","add_prefix_space":false}"#, "ab c", of: tokens) == [
      "ab", "▁c",
    ])
}

@Test func byteLevelWritesBytesAndPutsASpaceInFront() throws {
  let level = #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}"#
  #expect(try pieces(level, "ab é\n", of: ["Ġab", "ĠÃ©", "Ċ"]) == ["Ġab", "ĠÃ©", "Ċ"])
}

@Test func metaspaceDecodesToSpaces() throws {
  let decoder = #""decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},"#
  let tokenizer = try tokenizer(tokenizerText(vocabulary: ["▁a", "▁b"], components: decoder))
  #expect(tokenizer.decode([0, 1, 0, 99], skipSpecialTokens: false) == "a b a")
}

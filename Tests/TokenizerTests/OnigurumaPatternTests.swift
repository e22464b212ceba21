import Failures
import JSON
import Testing
import Tokenizer

/// The pieces that a pattern cuts out of a text.
private func isolated(_ pattern: String, _ text: String) throws -> [Range<Int>] {
  let split =
    #""pre_tokenizer":{"type":"Split","pattern":{"Regex":\#(JSON.string(pattern).text())},"behavior":"Isolated"},"#
  let text_ = tokenizerText(
    vocabulary: ["?"], model: #""unk_token":"?","fuse_unk":true,"#, components: split)
  return try tokenizer(text_).encodeWithSpans(text, addSpecialTokens: false).spans
}

@Test func patternsMeanWhatTheyMeanInOniguruma() throws {
  // U+180E is no white space, marks are word characters, ² is none, and ^ stands at every line.
  #expect(try isolated(#"\s"#, "\u{180E} \u{85}") == [0..<3, 3..<4, 4..<6])
  #expect(try isolated(#"[\s]+|[^\S]"#, "a\u{180E} ") == [0..<4, 4..<5])
  #expect(try isolated(#"\S+"#, "a\u{180E} ") == [0..<4, 4..<5])
  #expect(try isolated(#"\w+"#, "e\u{301}²") == [0..<3, 3..<5])
  #expect(try isolated(#"\W|[\w]"#, "e²") == [0..<1, 1..<3])
  #expect(try isolated(#"^\h|\H"#, "a\nbg") == [0..<1, 1..<2, 2..<3, 3..<4])
  #expect(try isolated(#"\u00e9|\x61|\v|[\b\]]"#, "éa") == [0..<2, 2..<3])
  #expect(
    try isolated(#"(?i:A)b{,2}(?>c)?+(?=\p{^Lu})\p{Ll}++"#, "abbcd") == [
      0..<5
    ])
}

@Test(arguments: [
  (#"[a[b]]"#, "'[' inside a class"), (#"[a&&b]"#, "'&&' inside a class"), (#"[]a]"#, "']' first in a class"),
  (#"(*FAIL)"#, "'(*'"), (#"(?m:.)"#, "the group '(?m'"), (#"(?<n>a)"#, "the group '(?<'"),
  (#"a{2}+"#, "'+' after an interval '{…}'"),
  (#"\bx"#, #"the escape '\b'"#), (#"[\W]"#, #"the escape '\W' inside a class"#),
  (#"\X"#, #"the escape '\X'"#),
  (#"\u12"#, #"'\u' without four hexadecimal digits"#),
])
func whatPCREReadsDifferentlyIsRefused(pattern: String, what: String) {
  do {
    _ = try isolated(pattern, "a")
    Issue.record("accepted \(pattern)")
  } catch let failure as Failure {
    #expect(
      failure.message.hasSuffix("the regular expression '\(pattern)' uses \(what), which is not supported"))
    #expect(failure.message.hasPrefix("tokenizer.json:1:53: /pre_tokenizer/pattern/Regex: "))
  } catch { Issue.record(error) }
}

import JSON
import Testing
import Tokenizer

/// What a normalizer makes of a text, and the original bytes behind each character.
private func normalized(_ normalizer: String, _ text: String) throws -> (text: String, spans: [Range<Int>]) {
  let characters = (0x20..<0x3100).compactMap { Unicode.Scalar($0 as Int).map { String($0) } } + ["각"]
  let components = #""normalizer":\#(normalizer),"decoder":{"type":"Fuse"},"#
  let tokenizer = try tokenizer(tokenizerText(vocabulary: characters, components: components))
  let encoding = try tokenizer.encodeWithSpans(text, addSpecialTokens: false)
  return (tokenizer.decode(encoding.ids, skipSpecialTokens: false), encoding.spans)
}

private func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

@Test func canonicalFormsKeepTheirOrigins() throws {
  let composed = try normalized(#"{"type":"NFC"}"#, "xe\u{301}\u{212B}y")
  #expect(scalars(composed.text) == [0x78, 0xE9, 0xC5, 0x79])
  #expect(composed.spans == [0..<1, 1..<2, 4..<7, 7..<8])
  let decomposed = try normalized(#"{"type":"NFD"}"#, "é각")
  #expect(scalars(decomposed.text) == [0x65, 0x301, 0x1100, 0x1161, 0x11A8])
  #expect(decomposed.spans == [0..<2, 0..<2, 2..<5, 2..<5, 2..<5])
}

@Test func marksAreOrderedAndBlockedMarksStayApart() throws {
  let ordered = try normalized(
    #"{"type":"NFC"}"#, "a\u{301}\u{323} \u{1E0B}\u{323} a\u{305}\u{301} \u{1100}\u{1161}\u{11A8}")
  #expect(
    scalars(ordered.text) == [0x1EA1, 0x301, 0x20, 0x1E0D, 0x307, 0x20, 0x61, 0x305, 0x301, 0x20, 0xAC01])
}

@Test func stepsOfANormalizerApplyInOrder() throws {
  let steps = #"""
    {"type":"Sequence","normalizers":[{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Lowercase"},
    {"type":"Replace","pattern":{"Regex":"\\s+"},"content":"_"},{"type":"Replace","pattern":{"String":"b"},"content":"xy"},
    {"type":"Prepend","prepend":"▁"}]}
    """#
  let result = try normalized(steps, "  A \u{3000} Bİ\n")
  #expect(result.text == "▁a_xyi\u{307}")
  #expect(result.spans == [2..<3, 2..<3, 7..<8, 8..<9, 8..<9, 9..<11, 9..<11])
  #expect(try normalized(steps, " \n ").text == "")
}

/// Values and offsets as `tokenizers` 0.23.3 gives them.
@Test func compatibilityFormsKeepTheirOrigins() throws {
  let composed = try normalized(
    #"{"type":"NFKC"}"#, "e\u{301}\u{FB00}\u{323}\u{307} \u{2460}\u{BD}\u{A0}\u{FF76}\u{FF9E}")
  #expect(
    scalars(composed.text) == [0xE9, 0x66, 0x1E1F, 0x323, 0x20, 0x31, 0x31, 0x2044, 0x32, 0x20, 0x30AC])
  #expect(
    composed.spans == [
      0..<1, 3..<6, 6..<8, 8..<10, 10..<11, 11..<14, 14..<16, 14..<16, 14..<16, 16..<18, 18..<21,
    ])
  let decomposed = try normalized(#"{"type":"NFKD"}"#, "\u{FB01}\u{E9}")
  #expect(scalars(decomposed.text) == [0x66, 0x69, 0x65, 0x301])
  #expect(decomposed.spans == [0..<3, 0..<3, 3..<5, 3..<5])
  #expect(try normalized(#"{"type":"NFKD"}"#, "\u{FDFA}").spans.count == 18)
}

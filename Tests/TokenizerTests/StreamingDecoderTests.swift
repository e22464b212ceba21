import JSON
import Testing
import Tokenizer

@Test(arguments: Fixture.allCases) func streamedPiecesAddUpToTheWholeText(_ fixture: Fixture) throws {
  let tokenizer = try fixture.tokenizer()
  for vector in try fixture.vectors() {
    for skips in [false, true] {
      let ids = try vector.field("ids_with_special").integers()
      var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: skips)
      let pieces = ids.map { decoder.append($0) } + [decoder.finish()]
      let whole = tokenizer.decode(ids, skipSpecialTokens: skips)
      #expect(pieces.joined().utf8.elementsEqual(whole.utf8), "\(whole.debugDescription)")
    }
  }
}

@Test func aCharacterIsGivenOutWhenItsLastByteHasCome() throws {
  let tokenizer = try Fixture.llama3.tokenizer()
  let ids = try tokenizer.encode("a鸞b", addSpecialTokens: false)
  #expect(ids.count == 5)
  var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
  #expect(ids.map { decoder.append($0) }.filter { !$0.isEmpty } == ["a", "鸞", "b"])
  #expect(decoder.append(ids[1]) == "")
  #expect(decoder.finish() == "\u{FFFD}")
}

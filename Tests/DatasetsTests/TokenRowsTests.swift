import Datasets
import Testing

@Test func rowsComeBackAsTheyWereWritten() throws {
  let workplace = try Workplace()
  let rows = [
    TokenRow(ids: [1, 2, 3], supervised: [false, true, false]), TokenRow(ids: [9], supervised: [false]),
  ]
  try TokenRows.write(rows, to: workplace.path("rows"))
  let read = try TokenRows(workplace.path("rows"), vocabularySize: 10)
  #expect((read.count, read.tokenCount, read.length(ofRow: 0)) == (2, 4, 3))
  #expect([read[0], read[1]] == rows)
  try TokenRows.write([], to: workplace.path("none"))
  #expect(try TokenRows(workplace.path("none"), vocabularySize: 10).count == 0)
}

@Test func rowsOfAnotherVocabularyAreRefused() throws {
  let workplace = try Workplace()
  try TokenRows.write([TokenRow(ids: [1, 9], supervised: [false, true])], to: workplace.path("rows"))
  #expect(
    message { try TokenRows(workplace.path("rows"), vocabularySize: 9) }
      == "rows: the token 9 at position 1 is outside the vocabulary (0 to 8)")
}

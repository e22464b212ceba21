import Failures
import RegularExpressions
import TestSupport
import Testing

private func matches(_ pattern: String, _ text: String) throws -> [String] {
  let bytes = Array(text.utf8)
  return try RegularExpression(pattern).ranges(in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
}

private func failure(_ body: () throws -> some Any) -> Failure? {
  do { _ = try body() } catch { return error as? Failure }
  return nil
}

@Test func wholeMatchAsksForTheWholeText() throws {
  let expression = try RegularExpression(#".*\.(q_proj|k_proj)"#)
  #expect(try expression.wholeMatch("model.layers.0.self_attn.q_proj"))
  #expect(try !expression.wholeMatch("model.layers.0.self_attn.q_proj.weight"))
  #expect(try !RegularExpression("a|ab").wholeMatch("b"))
  #expect(try RegularExpression("a|ab").wholeMatch("ab"))
  #expect(try RegularExpression("").wholeMatch(""))
}

@Test func rangesAreBytesOfUnicodeText() throws {
  #expect(try RegularExpression(#"\p{L}+"#).ranges(in: Array("é 中x!".utf8)) == [0..<2, 3..<7])
  #expect(try matches(#"\s+(?!\S)|\s+|\S+"#, "a  b\u{A0}c ") == ["a", " ", " ", "b", "\u{A0}", "c", " "])
  #expect(try matches("(?i:'S|'LL)", "it's I'll 'ſ") == ["'s", "'ll", "'ſ"])
}

@Test func emptyMatchesAdvanceByCharactersAndNeverTouchTheMatchBefore() throws {
  #expect(try RegularExpression("x*").ranges(in: Array("éxxa".utf8)) == [0..<0, 2..<4, 5..<5])
  #expect(try RegularExpression("").ranges(in: Array("é".utf8)) == [0..<0, 2..<2])
  #expect(try RegularExpression("a").ranges(in: [UInt8]()) == [])
}

@Test func aPatternThatDoesNotCompileIsNamedWithItsPlace() {
  let wrong = failure { try RegularExpression("é(a|b") }
  #expect(wrong?.kind == .badData)
  #expect(
    wrong?.message
      == "the regular expression 'é(a|b' is wrong at character 6: missing closing parenthesis")
  #expect(failure { try RegularExpression(#"\p{Nope}"#) }?.message.contains(#"'\p{Nope}'"#) == true)
  #expect(failure { try RegularExpression(#"\C"#) } != nil)
  let long = failure { try RegularExpression(String(repeating: "a", count: 70_000)) }
  #expect(long?.message == "a regular expression of 70000 bytes is too long (at most 65536)")
}

@Test func aPatternThatBacktracksWithoutEndFailsInsteadOfHanging() throws {
  let expression = try RegularExpression("(a*)*b(?!x)|(?:(?:a|a)*)*c")
  let wrong = failure { try expression.ranges(in: Array(repeating: UInt8(ascii: "a"), count: 64)) }
  #expect(wrong?.kind == .badData)
  #expect(wrong?.message.hasSuffix("on 64 bytes failed: match limit exceeded") == true)
  #expect(wrong?.hint != nil)
}

@Test func aMatchThatOutgrowsTheCompiledCodesStackIsStillFound() throws {
  let text = Array(repeating: UInt8(ascii: "a"), count: 200_000)
  #expect(try RegularExpression("(?:(a)|b|(?=c)x)+").ranges(in: text) == [0..<200_000])
}

@Test func bytesThatAreNotUTF8AreAnErrorAndNotUndefined() throws {
  let wrong = failure { try RegularExpression("a").ranges(in: [0x61, 0xC3]) }
  #expect(wrong?.kind == .badData)
  #expect(wrong?.message.contains("UTF-8 error") == true)
}

@Test func threadsShareAnExpression() async throws {
  let expression = try RegularExpression(#"\w+"#)
  let counts = try await withThrowingTaskGroup(of: Int.self) { group in
    for words in 1...16 {
      group.addTask { try expression.ranges(in: Array(String(repeating: "ab ", count: words).utf8)).count }
    }
    return try await group.reduce(into: []) { $0.append($1) }
  }
  #expect(counts.sorted() == Array(1...16))
}

@Test func mutatedPatternsNeverTrap() {
  var random = SeededGenerator(state: 7)
  let seed = Array(#"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s]+[\r\n]*|\s+(?!\S)|(a)\1"#.utf8)
  let text = Array("It's naïve:\r\n 12345  日本".utf8)
  for _ in 0..<2000 {
    var bytes = seed
    for _ in 0..<Int(random.next() % 4 + 1) {
      let place = Int(random.next() % UInt64(bytes.count))
      switch random.next() % 3 {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next()) & 0x7F
      case 1: bytes.remove(at: place)
      default: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: place)
      }
    }
    guard let expression = try? RegularExpression(String(decoding: bytes, as: UTF8.self)) else { continue }
    let ranges = (try? expression.ranges(in: text)) ?? []
    #expect(ranges.allSatisfy { $0.upperBound <= text.count })
  }
}

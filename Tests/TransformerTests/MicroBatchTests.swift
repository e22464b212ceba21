import Testing

@testable import Transformer

@Suite struct MicroBatchTests {
  @Test(arguments: [
    ([3, 4, 1, 9, 2, 8], [0..<3, 3..<4, 4..<5, 5..<6]), ([8, 8], [0..<1, 1..<2]), ([1, 1, 20, 1, 7], [0..<2, 2..<3, 3..<5]), ([], []),
  ])
  func `rows go together while they have eight tokens at most`(lengths: [Int], expected: [Range<Int>]) {
    #expect(MicroBatch.ranges(lengths: lengths, tokens: 8) == expected)
  }
}

import Testing

@testable import Tensor

@Suite struct DropoutTests {
  private let dropout = Dropout(probability: 0.25, seed: 7, step: 3)

  @Test func keepsTheExpectedShareAndScalesIt() {
    let rows = Rows(lengths: [50, 50]), x = Tensor([Float](repeating: 3, count: 100 * 40), shape: [100, 40])
    let y = Tensor(100, 40)
    dropout.forward(x, into: y, rows: rows, module: 0)
    let dropped = y.array.count { $0 == 0 }
    #expect((900...1100).contains(dropped))
    #expect(y.array.allSatisfy { $0 == 0 || $0 == 4 })
  }

  @Test func aTokenIsTreatedAlikeInWhateverBatchItStands() {
    let x = random(12, 10, seed: 1)
    let together = Tensor(12, 10), alone = Tensor(5, 10)
    dropout.forward(x, into: together, rows: Rows(lengths: [7, 5], keys: [4, 9]), module: 2)
    dropout.forward(
      Tensor(Array(x.array[70...]), shape: [5, 10]), into: alone, rows: Rows(lengths: [5], keys: [9]), module: 2)
    #expect(Array(together.array[70...]) == alone.array)
  }

  @Test func stepsModulesAndRowsDiffer() {
    let x = Tensor([Float](repeating: 1, count: 64), shape: [1, 64])
    func mask(step: UInt32, module: Int, row: UInt32) -> [Float] {
      let y = Tensor(1, 64)
      Dropout(probability: 0.5, seed: 1, step: step).forward(
        x, into: y, rows: Rows(lengths: [1], keys: [row]), module: module)
      return y.array
    }
    let masks = [mask(step: 0, module: 0, row: 0), mask(step: 1, module: 0, row: 0),
      mask(step: 0, module: 1, row: 0), mask(step: 0, module: 0, row: 1)]
    #expect(Set(masks).count == 4)
  }

  @Test func theGradientPassesWhereTheValueDid() {
    let rows = Rows(lengths: [6]), x = random(6, 9, seed: 2), y = Tensor(6, 9), d = random(6, 9, seed: 3)
    dropout.forward(x, into: y, rows: rows, module: 1)
    let dX = Tensor([Float](repeating: 1, count: 54), shape: [6, 9])
    dropout.backward(d, into: dX, rows: rows, module: 1)
    let scale: Float = 4.0 / 3
    for index in 0..<54 {
      #expect(dX[index] == 1 + (y[index] == 0 ? 0 : d[index] * scale))
    }
  }

  /// The reference vectors of Random123 (kat_vectors: philox4x32 10).
  @Test func philoxMatchesItsReferenceVectors() {
    // Counter 0, key 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8: with a threshold between the second and the
    // others, just the words at or above it stay.
    let y = Tensor(1, 4), x = Tensor([1, 1, 1, 1], shape: [1, 4])
    for (threshold, expected) in [(0x6627e8d5 as UInt64, [1, 1, 1, 1]), (0x9b00dbd8, [0, 1, 1, 1]),
      (0xbc57ac4c, [0, 1, 1, 0]), (0xe169c58d, [0, 1, 0, 0]), (0xe169c58e, [0, 0, 0, 0])] as [(UInt64, [Float])] {
      Dropout(probability: Double(threshold) / 4_294_967_296, seed: 0, step: 0).forward(
        x, into: y, rows: Rows(lengths: [1]), module: 0)
      #expect(y.array.map { $0 == 0 ? 0 : 1 } == expected)
    }
  }
}

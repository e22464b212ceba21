import Testing

@testable import Tensor

@Suite struct DroppedEntriesTests {
  private let dropout = Dropout(probability: 0.2, seed: 7, step: 3)
  private let rows = Rows(lengths: [30, 250, 7], keys: [4, 9, 1])

  /// `dropout(x)` (T, 150) as dropout itself computes it, and the entries that it dropped.
  private func setUp() -> (x: Tensor, kept: Tensor, dropped: DroppedEntries) {
    let x = random(287, 150, seed: 1), kept = Tensor(287, 150)
    dropout.forward(x, into: kept, rows: rows, module: 2)
    return (x, kept, dropout.dropped(rows, width: 150, module: 2))
  }

  @Test func whatIsKeptIsWhatDropoutKeeps() {
    let (x, kept, dropped) = setUp()
    #expect(dropped.kept(x).array == kept.array)
  }

  @Test func theFoldedProductLessTheDroppedPartIsTheProductOfWhatIsKept() {
    let (x, kept, dropped) = setUp()
    let delta = random(70, 150, seed: 2)
    let y = naiveProduct(x, transpose(delta))
    y.scale(by: dropped.scale)
    dropped.subtract(x, times: delta, from: y)
    #expect(difference(y, naiveProduct(kept, transpose(delta))) < 2e-6)
  }

  @Test func theGradientPassesWhereTheValueDid() {
    let (_, _, dropped) = setUp()
    let delta = random(70, 150, seed: 2), dY = random(287, 70, seed: 3)
    let whole = naiveProduct(dY, delta), expected = Tensor(287, 150)
    dropout.backward(whole, into: expected, rows: rows, module: 2)
    whole.scale(by: dropped.scale)
    dropped.subtractGradient(dY, times: delta, from: whole)
    #expect(difference(whole, expected) < 2e-6)
  }
}

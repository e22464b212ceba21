import Tensor
import Testing

@testable import Conversion

/// Numbers that look random.
private func matrix(_ rows: Int, _ columns: Int) -> Tensor {
  Tensor((0..<rows * columns).map { Float(($0 * 7919 + $0 * $0 * 31) % 1009) / 504.5 - 1 }, shape: [rows, columns])
}

@Test(arguments: [(1, 1), (1, 6), (6, 1), (5, 5), (40, 17), (17, 40), (96, 300)])
func theFactorsGiveTheMatrixAgain(rows: Int, columns: Int) throws {
  let a = matrix(rows, columns), k = min(rows, columns)
  let decomposed = try SingularValues(a)
  let (left, values, right) = (decomposed.left, decomposed.values, decomposed.right)
  #expect(left.count == rows * k && right.count == k * columns)
  #expect(values == values.sorted(by: >) && values.allSatisfy { $0 >= 0 })
  for row in 0..<rows {
    for column in 0..<columns {
      let again = (0..<k).reduce(0) { $0 + left[row * k + $1] * values[$1] * right[$1 * columns + column] }
      #expect(abs(again - Double(a[row * columns + column])) <= 1e-12 * values[0])
    }
  }
  for row in 0..<k {
    let line = right[row * columns..<(row + 1) * columns]
    #expect(abs(line.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12 && (line.max() ?? 0) >= -(line.min() ?? 0))
  }
  // The matrix itself is left alone.
  #expect(a.array == matrix(rows, columns).array)
  #expect(try SingularValues(a).right == right)
}

@Test func aMatrixOfZerosHasNoValues() throws {
  let decomposed = try SingularValues(Tensor(4, 3))
  #expect(decomposed.values == [0, 0, 0] && decomposed.left.allSatisfy(\.isFinite))
}

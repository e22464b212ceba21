import Testing

@testable import Tensor

/// Numbers that look random.
private func matrix(_ rows: Int, _ columns: Int) -> Tensor {
  Tensor((0..<rows * columns).map { Float(($0 * 7919 + $0 * $0 * 31) % 1009) / 504.5 - 1 }, shape: [rows, columns])
}

private func product(_ a: Tensor, _ b: Tensor, transposed: Bool = false) -> Tensor {
  let b = transposed ? Matrix(b).transposed : Matrix(b)
  let c = Tensor(a.shape[0], b.columns)
  MatMul.multiply(Matrix(a), b, into: Matrix(c))
  return c
}

@Test(arguments: [(1, 1), (1, 6), (6, 1), (5, 5), (40, 17), (17, 40), (96, 300)])
func theFactorsGiveTheMatrixAgain(rows: Int, columns: Int) throws {
  let a = matrix(rows, columns), k = min(rows, columns)
  let decomposed = try SingularValues(a)
  #expect(decomposed.left.shape == [rows, k] && decomposed.right.shape == [k, columns])
  #expect(decomposed.values == decomposed.values.sorted(by: >) && decomposed.values.allSatisfy { $0 >= 0 })
  let scaled = Tensor(decomposed.left.array, shape: [rows, k])
  for row in 0..<rows { for index in 0..<k { scaled[row * k + index] *= decomposed.values[index] } }
  let again = product(scaled, decomposed.right), largest = decomposed.values[0]
  #expect(zip(again.array, a.array).allSatisfy { abs($0 - $1) <= 4e-6 * largest })
  let gram = product(decomposed.right, decomposed.right, transposed: true)
  for row in 0..<k { for column in 0..<k { #expect(abs(gram[row * k + column] - (row == column ? 1 : 0)) < 1e-5) } }
  for row in 0..<k {
    let line = decomposed.right.array[row * columns..<(row + 1) * columns]
    #expect(line.max() ?? 0 >= -(line.min() ?? 0))
  }
  // The matrix itself is left alone, and nothing depends on the sign of LAPACK's vectors.
  #expect(a.array == matrix(rows, columns).array)
  #expect(try SingularValues(a).right.array == decomposed.right.array)
}

@Test func aMatrixOfZerosHasNoValues() throws {
  let decomposed = try SingularValues(Tensor(4, 3))
  #expect(decomposed.values == [0, 0, 0] && decomposed.left.array.allSatisfy(\.isFinite))
}

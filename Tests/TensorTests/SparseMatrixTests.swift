import Testing

@testable import Tensor

@Suite struct SparseMatrixTests {
  /// Mostly zeros, with an empty row and an empty column.
  private func ternary(_ rows: Int, _ columns: Int) -> Tensor {
    let tensor = random(rows, columns, seed: 5)
    for index in 0..<tensor.count {
      let isEmpty = index / columns == 2 || index % columns == 3
      tensor[index] = isEmpty || abs(tensor[index]) < 0.8 ? 0 : tensor[index] < 0 ? -1.5 : 1.5
    }
    return tensor
  }

  @Test(arguments: [(5, 7, 3), (130, 40, 64), (17, 200, 131)])
  func productsEqualThoseOfTheDenseMatrix(rows: Int, columns: Int, width: Int) {
    let dense = ternary(rows, columns), b = random(columns, width, seed: 6), c = random(rows, width, seed: 7)
    let sparse = SparseMatrix(Matrix(dense))
    sparse.multiply(Matrix(b), into: Matrix(c), alpha: 0.5)
    let expected = naiveProduct(dense, b)
    expected.scale(by: 0.5)
    #expect(difference(c, expected) < 1e-6)
    #expect(sparse.density == Double(dense.array.count { $0 != 0 }) / Double(rows * columns))
  }

  @Test func transposedViewsAreReadAndWritten() {
    let dense = ternary(9, 210), b = random(70, 9, seed: 8), c = random(70, 210, seed: 9)
    let expected = naiveProduct(b, dense)
    expected.add(c)
    SparseMatrix(Matrix(dense).transposed).multiply(Matrix(b).transposed, into: Matrix(c).transposed, adding: true)
    #expect(difference(c, expected) < 1e-6)
  }

  @Test func aMatrixOfZerosGivesZeros() {
    let c = random(4, 6)
    SparseMatrix(Matrix(Tensor(4, 3))).multiply(Matrix(random(3, 6)), into: Matrix(c))
    #expect(c.array.allSatisfy { $0 == 0 })
  }
}

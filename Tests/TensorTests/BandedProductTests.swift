import Testing

@testable import Tensor

@Suite struct BandedProductTests {
  /// A causal band, one with a window, and one that sees everything; 300 columns are more than one chain.
  static let bands = [
    Band(first: (0..<70).map { _ in 0 }, last: (0..<70).map { 231 + $0 }),
    Band(first: (0..<70).map { max(0, $0 - 3) }, last: (0..<70).map { $0 + 1 }),
    Band(first: (0..<70).map { 200 + $0 }, last: (0..<70).map { 231 + $0 }),
    Band(first: Array(repeating: 0, count: 70), last: Array(repeating: 300, count: 70)),
  ]

  @Test(arguments: bands) func `rows and columns of a band are those that have something in it`(band: Band) {
    func isInside(_ row: Int, _ column: Int) -> Bool { (band.first[row]..<band.last[row]).contains(Int32(column)) }
    for columns in [0..<1, 0..<48, 48..<96, 100..<300, 299..<300] {
      let expected = (0..<70).filter { row in columns.contains { isInside(row, $0) } }
      #expect(Array(band.rows(in: columns)) == expected)
    }
    for rows in [0..<1, 0..<24, 24..<48, 69..<70] {
      let expected = (0..<300).filter { column in rows.contains { isInside($0, column) } }
      #expect(Array(band.columns(in: rows)) == expected)
    }
  }

  @Test(arguments: bands) func `inside of a band stands the whole product`(band: Band) {
    for inner in [40, 64, 300] {
      let a = random(70, inner, seed: 1), b = random(inner, 300, seed: 2), whole = Tensor(70, 300)
      let bT = transpose(b)
      MatMul.multiply(Matrix(a), Matrix(b), into: Matrix(whole))
      for right in [Matrix(b), Matrix(bT).transposed] {
        for columns in [300, 90] {
          let c = random(70, 300, seed: 3)
          unsafe MatMul.multiply(
            Matrix(a).memory, right.memory, into: MatrixMemory(c.pointer, stride: 300), inside: band, columns: columns,
            inner: inner)
          for row in 0..<70 {
            let seen = (Int(band.first[row])..<Int(band.last[row])).clamped(to: 0..<columns)
            #expect(seen.allSatisfy { c[row * 300 + $0] == whole[row * 300 + $0] })
          }
        }
      }
    }
  }

  /// Columns that are read where they lie, packed, and of more than one group.
  @Test(arguments: bands, [30, 64, 110, 112])
  func `a left matrix that is zero outside of a band gives the whole product`(band: Band, columns N: Int) {
    let p = random(70, 300, seed: 4)
    for row in 0..<70 { for column in 0..<300 where !band.columns(in: row..<row + 1).contains(column) { p[row * 300 + column] = 0 } }
    let pT = transpose(p), v = random(300, N, seed: 5), d = random(70, N, seed: 6)
    for adding in [false, true] {
      let y = random(70, N, seed: 7), dV = random(300, N, seed: 8)
      let wholeY = y.duplicate(), wholeDV = dV.duplicate()
      MatMul.multiply(Matrix(p), Matrix(v), into: Matrix(wholeY), adding: adding)
      MatMul.multiply(Matrix(p).transposed, Matrix(d), into: Matrix(wholeDV), adding: adding)
      for left in [Matrix(p), Matrix(pT).transposed] {
        let y = y.duplicate(), dV = dV.duplicate()
        unsafe MatMul.multiply(
          left.memory, Matrix(v).memory, into: MatrixMemory(y.pointer, stride: N), rows: 70, columns: N, inner: 300,
          adding: adding, support: band.columns)
        #expect(y.array == wholeY.array)
        guard adding else { continue }  // some columns are reached by no row
        unsafe MatMul.multiply(
          left.memory.transposed, Matrix(d).memory, into: MatrixMemory(dV.pointer, stride: N), rows: 300, columns: N,
          inner: 70, adding: adding, support: band.rows)
        #expect(dV.array == wholeDV.array)
      }
    }
  }
}

import Testing

@testable import Tensor

@Suite struct BandedProductTests {
  /// A causal band, two with a window, of which the second leaves the first chain, and one that sees everything; 300 columns are
  /// more than one chain.
  static let bands = [
    Band(first: (0..<70).map { _ in 0 }, last: (0..<70).map { 231 + $0 }),
    Band(first: (0..<70).map { max(0, $0 - 3) }, last: (0..<70).map { $0 + 1 }),
    Band(first: (0..<70).map { 210 + $0 }, last: (0..<70).map { 231 + $0 }),
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
    let panel = PanelProduct.bestPanelColumns
    for inner in [40, 64, 300] {
      let a = random(70, inner, seed: 1), b = random(inner, 300, seed: 2), whole = Tensor(70, 300)
      let bT = transpose(b)
      MatMul.multiply(Matrix(a), Matrix(b), into: Matrix(whole))
      for right in [Matrix(b), Matrix(bT).transposed] {
        let packed = RightMatrix(right.memory, columns: 300, inner: inner, rows: 70)
        for columns in [0..<300, 0..<90, panel..<300, 2 * panel..<200] {
          let c = random(70, 300, seed: 3)
          unsafe MatMul.multiply(
            Matrix(a).memory, packed, into: MatrixMemory(c.pointer, stride: 300), inside: band, columns: columns,
            inner: inner)
          for row in 0..<70 {
            let seen = (Int(band.first[row])..<Int(band.last[row])).clamped(to: columns)
            #expect(seen.allSatisfy { c[row * 300 + $0] == whole[row * 300 + $0] })
          }
        }
      }
    }
  }

  /// The right matrix begins before what the band counts, as do the keys that a window has left.
  @Test func `a band may count from within the right matrix`() {
    let band = Self.bands[0], panel = PanelProduct.bestPanelColumns, before = panel + 3
    let a = random(70, 64, seed: 1), b = random(64, before + 300, seed: 2), whole = Tensor(70, before + 300)
    MatMul.multiply(Matrix(a), Matrix(b), into: Matrix(whole))
    let c = Tensor(70, 310)
    unsafe MatMul.multiply(
      Matrix(a).memory, RightMatrix(Matrix(b).memory, columns: before + 300, inner: 64, rows: 70), from: before,
      into: MatrixMemory(c.pointer + 3, stride: 310), inside: band, columns: -3..<300, inner: 64)
    for row in 0..<70 {
      #expect(band.columns(in: row..<row + 1).allSatisfy { c[row * 310 + 3 + $0] == whole[row * (before + 300) + before + $0] })
    }
  }

  /// Columns that are read where they lie, when rows are said to be few, and packed, and in the middle of a right matrix.
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
      for (left, rows) in [(Matrix(p), 1), (Matrix(pT).transposed, 70)] {
        let y = y.duplicate(), dV = dV.duplicate(), inParts = y.duplicate()
        let right = RightMatrix(Matrix(v).memory, columns: N, inner: 300, rows: rows)
        unsafe MatMul.multiply(
          left.memory, right, into: MatrixMemory(y.pointer, stride: N), rows: 0..<70, columns: N, inner: 0..<300,
          adding: adding, support: band.columns)
        #expect(y.array == wholeY.array)
        for inner in [0..<256, 256..<300] {
          unsafe MatMul.multiply(
            left.memory, right, into: MatrixMemory(inParts.pointer, stride: N), rows: 0..<70, columns: N, inner: inner,
            adding: adding, support: band.columns)
        }
        #expect(inParts.array == wholeY.array)
        guard adding else { continue }  // some columns are reached by no row
        for rows in [0..<100, 100..<300] {
          unsafe MatMul.multiply(
            left.memory.transposed, RightMatrix(Matrix(d).memory, columns: N, inner: 70, rows: 300),
            into: MatrixMemory(dV.pointer, stride: N), rows: rows, columns: N, inner: 0..<70, adding: adding,
            support: band.rows)
        }
        #expect(dV.array == wholeDV.array)
      }
    }
  }

  @Test func `a right matrix may be begun within`() {
    let a = random(30, 40, seed: 1), b = random(100, 20, seed: 2), c = Tensor(30, 20), expected = Tensor(30, 20)
    MatMul.multiply(Matrix(a), Matrix(Tensor(Array(b.array[17 * 20..<57 * 20]), shape: [40, 20])), into: Matrix(expected))
    unsafe MatMul.multiply(
      Matrix(a).memory, RightMatrix(Matrix(b).memory, columns: 20, inner: 100, rows: 30), from: 17,
      into: MatrixMemory(c.pointer, stride: 20), rows: 0..<30, columns: 20, inner: 0..<40) { _ in 0..<40 }
    #expect(c.array == expected.array)
  }
}

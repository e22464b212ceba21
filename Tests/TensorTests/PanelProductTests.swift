import Testing

@testable import Tensor

@Suite struct PanelProductTests {
  /// Sizes around the edges of panels, tiles, chains and chunks.
  static let sizes = [
    (1, 1, 1), (1, 96, 256), (3, 49, 7), (8, 48, 257), (17, 100, 600), (65, 31, 300), (200, 130, 2100),
    (30, 40, 2100), (1030, 20, 30),
  ]

  /// The definition: chains of fused multiply-adds over 256 of the inner dimension, added in order.
  private func definition(_ a: Tensor, _ b: Tensor, _ M: Int, _ N: Int, _ L: Int, alpha: Float, onto c: Tensor?) -> [Float] {
    (0..<M * N).map { element in
      let row = element / N, column = element % N
      var result = c.map { $0[element] }
      for start in stride(from: 0, to: L, by: 256) {
        var chain: Float = 0
        for k in start..<min(start + 256, L) { chain.addProduct(a[row * L + k], b[k * N + column]) }
        result = result.map { $0 + alpha * chain } ?? alpha * chain
      }
      return result ?? 0
    }
  }

  @Test(arguments: sizes) func everyProcessorGivesTheBitsOfTheDefinition(M: Int, N: Int, L: Int) {
    let a = random(M, L, seed: 1), b = random(L, N, seed: 2), before = random(M, N, seed: 3)
    for adding in [false, true] {
      let expected = definition(a, b, M, N, L, alpha: 0.7, onto: adding ? before : nil)
      for level in [1, 3, 4] as [Int32] where level <= PanelProduct.bestLevel {
        let c = before.duplicate()
        var product = unsafe PanelProduct(
          rows: M, columns: N, inner: L, alpha: 0.7, adding: adding, left: MatrixMemory(a.pointer, stride: L),
          result: MatrixMemory(c.pointer, stride: N))
        product.level = level
        let right = unsafe MatrixMemory(b.pointer, stride: N), chosen = product
        unsafe MatMul.multiply(product) { columns, depth, panels in unsafe chosen.pack(right, columns, depth, into: panels) }
        #expect(c.array == expected, "level \(level)")
      }
    }
  }

  @Test func aRowHasTheSameBitsAloneAndAmongOthers() {
    let x = random(40, 500, seed: 4), w = Weight(stored(random(130, 500, seed: 5), as: .bf16))
    let together = Tensor(40, 130)
    w.forward(x, into: together, tokens: 40)
    for row in [0, 7, 39] {
      let alone = Tensor(1, 130)
      w.forward(Tensor(Array(x.array[row * 500..<(row + 1) * 500]), shape: [1, 500]), into: alone, tokens: 1)
      #expect(alone.array == Array(together.array[row * 130..<(row + 1) * 130]))
    }
  }

  @Test(arguments: [130, 50]) func aLowRankTermGivesTheBitsOfAProductOfItsOwn(out: Int) {
    let x = random(70, 520, seed: 9), u = random(70, 12, seed: 10), b = random(out, 12, seed: 11)
    let a = random(12, 520, seed: 12), w = Weight(stored(random(out, 520, seed: 13), as: .bf16))
    let y = Tensor(70, out), expected = Tensor(70, out)
    w.forward(x, into: expected, tokens: 70)
    MatMul.multiply(Matrix(u), Matrix(b).transposed, into: Matrix(expected), alpha: 0.3, adding: true)
    w.forward(x, and: LowRank(Matrix(u), times: Matrix(b).transposed, factor: 0.3), into: y, tokens: 70)
    #expect(y.array == expected.array)
    let dX = x.duplicate()
    w.backward(y, into: x, adding: true, tokens: 70)
    MatMul.multiply(Matrix(u), Matrix(a), into: Matrix(x), adding: true)
    w.backward(y, and: LowRank(Matrix(u), times: Matrix(a)), into: dX, adding: true, tokens: 70)
    #expect(dX.array == x.array)
  }

  /// Few rows read a weight where it lies, or as it is widened; more of them pack it.
  @Test(arguments: [DType.f32, .bf16, .f16], [5, 8, 24, 256, 304, 777])
  func fewRowsHaveTheBitsOfPackedProducts(dtype: DType, inner: Int) {
    for out in [1, 7, 8, 9, 16, 30, 64, 130] {
      let w = Weight(stored(random(out, inner, seed: 14), as: dtype)), delta = random(out, inner, seed: 15)
      let plain = w.floats(), folded = w.floats(), right = random(out, 3, seed: 16)
      for index in 0..<folded.count { folded[index] += 0.5 * delta[index] }
      for tokens in [1, 2, 3, 4, 5, 7, 8, 16, 17] {
        let x = random(tokens, inner, seed: 17), left = random(tokens, 3, seed: 18)
        for isFolded in [false, true] {
          let y = Tensor(tokens, out), expected = Tensor(tokens, out)
          w.forward(
            x, plus: isFolded ? Weight.Delta(delta, factor: 0.5) : nil,
            and: LowRank(Matrix(left), times: Matrix(right).transposed), into: y, tokens: tokens)
          MatMul.multiply(Matrix(x), Matrix(isFolded ? folded : plain).transposed, into: Matrix(expected))
          MatMul.multiply(Matrix(left), Matrix(right).transposed, into: Matrix(expected), adding: true)
          #expect(y.array == expected.array, "\(tokens) of \(out)")
        }
      }
    }
  }

  @Test func aProductOverNothingIsZero() {
    let c = random(3, 4, seed: 8), before = c.array
    MatMul.multiply(Matrix(Tensor(3, 0)), Matrix(Tensor(0, 4)), into: Matrix(c), adding: true)
    #expect(c.array == before)
    MatMul.multiply(Matrix(Tensor(3, 0)), Matrix(Tensor(0, 4)), into: Matrix(c))
    #expect(c.array.allSatisfy { $0 == 0 })
  }
}

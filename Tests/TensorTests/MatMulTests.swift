import Testing

@testable import Tensor

@Suite struct MatMulTests {
  @Test func multipliesEveryCombinationOfTranspositions() {
    let a = random(5, 7, seed: 1), b = random(7, 4, seed: 2), expected = naiveProduct(a, b)
    let aT = transpose(a), bT = transpose(b)
    for (left, right) in [
      (Matrix(a), Matrix(b)), (Matrix(aT).transposed, Matrix(b)), (Matrix(a), Matrix(bT).transposed),
      (Matrix(aT).transposed, Matrix(bT).transposed),
    ] {
      let c = Tensor(5, 4), cT = Tensor(4, 5)
      MatMul.multiply(left, right, into: Matrix(c))
      MatMul.multiply(left, right, into: Matrix(cT).transposed)
      #expect(difference(c, expected) < 1e-6)
      #expect(difference(transpose(cT), expected) < 1e-6)
    }
  }

  @Test func scalesAndAccumulates() {
    let a = random(3, 6, seed: 3), b = random(6, 2, seed: 4), c = random(3, 2, seed: 5)
    let product = naiveProduct(a, b)
    let expected = Tensor(zip(c.array, product.array).map { $0 + 2 * $1 }, shape: [3, 2])
    MatMul.multiply(Matrix(a), Matrix(b), into: Matrix(c), alpha: 2, adding: true)
    #expect(difference(c, expected) < 1e-6)
  }

  @Test func multipliesAPartOfATensor() {
    let a = random(4, 10, seed: 6), b = random(3, 5, seed: 7)
    let part = Tensor((0..<4).flatMap { row in (2..<5).map { a[row * 10 + $0] } }, shape: [4, 3])
    let c = Tensor(4, 5)
    MatMul.multiply(Matrix(a, offset: 2, rows: 4, columns: 3, stride: 10), Matrix(b), into: Matrix(c))
    #expect(difference(c, naiveProduct(part, b)) < 1e-6)
  }

  @Test(arguments: [DType.f32, .bf16, .f16]) func weightsOfEveryTypeAgreeWithTheOracle(dtype: DType) {
    let w = Weight(stored(random(1100, 20, seed: 8), as: dtype)), wide = w.floats()
    let x = random(7, 20, seed: 9), y = Tensor(7, 1100)
    w.forward(x, into: y, tokens: 7)
    #expect(difference(y, naiveProduct(x, transpose(wide))) < 1e-6)
    let dX = Tensor(7, 20)
    w.backward(y, into: dX, tokens: 7)
    #expect(difference(dX, naiveProduct(y, wide)) < 1e-6)
  }

  @Test(arguments: [DType.bf16, .f16]) func narrowingRoundsToNearestEven(dtype: DType) {
    let halfway: Float = dtype == .bf16 ? 1 + 0x1p-8 : 1 + 0x1p-11
    let next: Float = dtype == .bf16 ? 1 + 0x1p-7 : 1 + 0x1p-10
    let values = Tensor([1, halfway, halfway.nextUp, next + halfway - 1, -2.5, 0, .infinity], shape: [7])
    let up: Float = next + (next - 1)
    #expect(stored(values, as: dtype).floats().array == [1, 1, next, up, -2.5, 0, .infinity])
  }

  @Test func findsNonFiniteValues() {
    #expect(Tensor([1, -3.4e38, 0], shape: [3]).isFinite)
    #expect(!Tensor([1, .nan, 0], shape: [3]).isFinite)
    #expect(!Tensor([1, 2, -.infinity], shape: [3]).isFinite)
  }
}

/// The number of threads is a property of the process, so what depends on it runs alone.
@Suite(.serialized) struct ThreadTests {
  @Test func bitsDoNotDependOnTheNumberOfThreads() {
    let a = random(517, 130, seed: 10), b = random(130, 600, seed: 11)
    let delta = random(530, 130, seed: 12)
    let w = Weight(stored(delta, as: .bf16))
    func results(threads: Int) -> [[Float]] {
      Parallel.threads = threads
      defer { Parallel.threads = 1 }
      let c = Tensor(517, 600), few = Tensor(517, 20), y = Tensor(517, 530), dX = Tensor(517, 130)
      MatMul.multiply(Matrix(a), Matrix(b), into: Matrix(c))
      MatMul.multiply(Matrix(a), Matrix(b, offset: 0, rows: 130, columns: 20, stride: 600), into: Matrix(few))
      w.forward(a, into: y, tokens: 517)
      w.backward(y, into: dX, tokens: 517)
      let dropped = Dropout(probability: 0.1, seed: 1, step: 2).dropped(
        Rows(lengths: [300, 217]), width: 130, module: 0)
      dropped.subtract(a, times: delta, from: y)
      dropped.subtractGradient(y, times: delta, from: dX)
      return [c.array, few.array, y.array, dX.array, dropped.kept(a).array]
    }
    let one = results(threads: 1)
    for threads in [2, 3, 8] { #expect(results(threads: threads) == one) }
  }

  @Test func everyPieceOfWorkIsDoneOnce() {
    for threads in [1, 2, 8] {
      Parallel.threads = threads
      let counts = Tensor(1000)
      Parallel.forEachRange(of: 1000, by: 7) { for index in $0 { counts[index] += 1 } }
      #expect(counts.array.allSatisfy { $0 == 1 })
    }
    Parallel.threads = 1
  }
}

import Testing

@testable import Tensor

@Test func `work is timed by the operation that asked for it`() {
  let a = random(20, 20), c = Tensor(20, 20)
  let times = WorkTimes.collect { MatMul.multiply(Matrix(a), Matrix(a), into: Matrix(c)) }
  #expect(times["MatMul.multiply"] ?? 0 > 0)
}

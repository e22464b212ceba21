import Testing

@testable import Tensor

/// Values in -1 ..< 1, the same on every run.
func random(_ shape: Int..., seed: UInt64 = 1) -> Tensor {
  var generator = SplitMix64(seed: seed)
  let tensor = Tensor(shape: shape)
  for index in 0..<tensor.count { tensor[index] = Float(generator.nextUnit() * 2 - 1) }
  return tensor
}

/// Compares an analytic gradient with central differences of `Σ weights · f(x)`.
/// - Parameters:
///   - f: computes the outputs from the current content of `x`.
func expectGradient(
  _ gradient: Tensor, of f: () -> Tensor, weights: Tensor, at x: Tensor, tolerance: Double = 2e-3,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func value() -> Double { zip(f().array, weights.array).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
  let scale = max(1e-3, gradient.array.map { Double(abs($0)) }.max() ?? 0)
  for index in 0..<x.count {
    let original = x[index], step: Float = 1e-2
    x[index] = original + step
    let above = value()
    x[index] = original - step
    let below = value()
    x[index] = original
    let numeric = (above - below) / (2 * Double(step))
    #expect(
      abs(numeric - Double(gradient[index])) < tolerance * scale,
      "element \(index): analytic \(gradient[index]), numeric \(numeric)", sourceLocation: sourceLocation)
  }
}

/// The largest difference between two tensors, over the largest value of the second.
func difference(_ a: Tensor, _ b: Tensor) -> Float {
  let scale = b.array.map(abs).max() ?? 1
  return (zip(a.array, b.array).map { abs($0 - $1) }.max() ?? 0) / max(scale, 1e-20)
}

/// `a · b` by three loops in double precision: the oracle.
func naiveProduct(_ a: Tensor, _ b: Tensor) -> Tensor {
  let (M, L, N) = (a.shape[0], a.shape[1], b.shape[1])
  let c = Tensor(M, N)
  for i in 0..<M {
    for j in 0..<N {
      c[i * N + j] = Float((0..<L).reduce(0.0) { $0 + Double(a[i * L + $1]) * Double(b[$1 * N + j]) })
    }
  }
  return c
}

func transpose(_ a: Tensor) -> Tensor {
  let (M, N) = (a.shape[0], a.shape[1])
  let t = Tensor(N, M)
  for i in 0..<M { for j in 0..<N { t[j * M + i] = a[i * N + j] } }
  return t
}

/// A stored copy of a tensor in another type.
func stored(_ tensor: Tensor, as dtype: DType) -> StoredTensor {
  @safe final class Owner: @unchecked Sendable {
    let memory: UnsafeMutableRawPointer
    init(_ bytes: [UInt8]) {
      unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 64)
      unsafe memory.copyMemory(from: bytes, byteCount: bytes.count)
    }
    deinit { unsafe memory.deallocate() }
  }
  let owner = Owner(tensor.bytes(as: dtype))
  return unsafe StoredTensor(dtype: dtype, shape: tensor.shape, bytes: owner.memory, owner: owner)
}

/// e^x by its series, good for the small arguments of tests.
func exponential(_ x: Float) -> Float {
  var term = 1.0, sum = 1.0
  for n in 1..<30 {
    term *= Double(x) / Double(n)
    sum += term
  }
  return Float(sum)
}

func hyperbolicTangent(_ x: Float) -> Float {
  if abs(x) > 9 { return x < 0 ? -1 : 1 }
  let e = Double(exponential(2 * abs(x)))
  return Float((x < 0 ? -1 : 1) * (e - 1) / (e + 1))
}

/// The sine of a small angle, by its series.
func seriesSine(_ x: Float) -> Float {
  var term = Double(x), sum = term
  for n in 1..<12 {
    term *= -Double(x) * Double(x) / Double(2 * n * (2 * n + 1))
    sum += term
  }
  return Float(sum)
}

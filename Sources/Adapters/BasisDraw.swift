import Tensor

/// One of RandLoRA's random bases as torch draws it: (rows × bases × width) values, divided by their deviation.
struct BasisDraw {
  let rows, bases, width: Int
  private let sparsity: BasesSparsity
  /// Of the uniform distribution (dense).
  private let bound: Float
  /// Below the first a value is −1, above the second +1 (sparse); compared in float32, as torch does.
  private let low, high: Float

  init(rows: Int, bases: Int, width: Int, sparsity: BasesSparsity, shape: BasesShape) {
    (self.rows, self.bases, self.width, self.sparsity) = (rows, bases, width, sparsity)
    bound = TorchGenerator.kaimingBound(fanIn: width)
    let k = sparsity == .sparse ? 3 : Double(shape.minDim).squareRoot()
    (low, high) = (Float(1 / (2 * k)), Float(1 - 1 / (2 * k)))
  }

  /// Draws all values, keeps those of the first bases, and divides them by the unbiased standard deviation of all.
  /// - Parameter tensor: (rows × kept × width)
  func fill(_ tensor: Tensor, kept: Int, from generator: inout TorchGenerator) {
    let start = generator
    var sum = 0.0
    forEachValue(from: &generator) { value, row, basis, column in
      sum += Double(value)
      if basis < kept { tensor[(row * kept + basis) * width + column] = value }
    }
    let count = Double(rows * bases * width), mean = sum / count
    var squares = 0.0
    func addSquare(_ value: Float) {
      let difference = Double(value) - mean
      squares += difference * difference
    }
    if kept == bases {
      for index in 0..<tensor.count { addSquare(tensor[index]) }
    } else {
      var again = start
      forEachValue(from: &again) { value, _, _, _ in addSquare(value) }
    }
    let deviation = rounded(Float((squares / (count - 1)).squareRoot()))
    for index in 0..<tensor.count { tensor[index] = rounded(tensor[index] / deviation) }
  }

  /// Every value in the order of the draws: dense bases one after another, sparse ones row by row.
  private func forEachValue(from generator: inout TorchGenerator, _ body: (Float, Int, Int, Int) -> Void) {
    let isDense = sparsity == .dense
    for outer in 0..<(isDense ? bases : rows) {
      for inner in 0..<(isDense ? rows : bases) {
        let (row, basis) = isDense ? (inner, outer) : (outer, inner)
        for column in 0..<width { body(next(&generator), row, basis, column) }
      }
    }
  }

  private func next(_ generator: inout TorchGenerator) -> Float {
    guard sparsity != .dense else { return generator.uniformBFloat16(bound: bound) }
    let value = generator.uniform()
    return value < low ? -1 : value > high ? 1 : 0
  }

  /// Dense bases are bfloat16, and so is what they are divided by.
  private func rounded(_ value: Float) -> Float { sparsity == .dense ? value.roundedToBFloat16 : value }
}

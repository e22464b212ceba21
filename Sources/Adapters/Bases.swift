package import Tensor

/// How RandLoRA's random bases are drawn.
package enum BasesSparsity: String, Sendable, CaseIterable {
  case dense
  /// Ternary, two thirds zeros.
  case sparse
  /// Ternary, all but `1/sqrt(minDim)` of the values zeros.
  case verySparse
}

/// Where the bases of an adapter come from.
package enum BasesOrigin: String, Sendable {
  /// They are what the generator gives for the key: files need not hold them.
  case generated
  /// A file held others, for example drawn by an older torch: they travel with the adapter.
  case stored
  /// The method has none (LoRA).
  case absent = "none"
}

/// RandLoRA's frozen random bases, shared by all adapted modules.
package struct Bases: Sendable {
  /// (r × minDim)
  package let a: Tensor
  /// (maxDim × nGlobal × r)
  package let b: Tensor

  package init(a: Tensor, b: Tensor) {
    self.a = a
    self.b = b
  }

  /// Draws the bases bit for bit as PEFT 0.21 does with torch 2.15 on a CPU.
  /// - Parameter key: `projection_prng_key`
  package init(shape: BasesShape, sparsity: BasesSparsity, key: Int) {
    var generator = TorchGenerator(seed: key)
    a = Tensor(shape.rank, shape.minDim)
    b = Tensor(shape: shape.shapeB)
    switch sparsity {
    case .dense:
      a.fillDense(fanIn: shape.minDim, columns: 0..<1, of: 1, width: shape.minDim, from: &generator)
      for basis in 0..<shape.count {
        b.fillDense(
          fanIn: shape.rank, columns: basis..<basis + 1, of: shape.count, width: shape.rank, from: &generator)
      }
      a.normalize(rounding: \.roundedToBFloat16)
      b.normalize(rounding: \.roundedToBFloat16)
    case .sparse, .verySparse:
      let k = sparsity == .sparse ? 3 : Double(shape.minDim).squareRoot()
      a.fillTernary(k: k, from: &generator)
      b.fillTernary(k: k, from: &generator)
      a.normalize(rounding: \.self)
      b.normalize(rounding: \.self)
    }
  }

  /// Whether both have the same bits.
  func isIdentical(to other: Bases) -> Bool { a.isIdentical(to: other.a) && b.isIdentical(to: other.b) }

  /// Whether bfloat16 holds every value exactly.
  var fitBFloat16: Bool { a.fitsBFloat16 && b.fitsBFloat16 }
}

extension Tensor {
  /// One draw of `kaiming_uniform_` in bfloat16 into some of the columns of a tensor (rows × columns × width).
  fileprivate func fillDense(
    fanIn: Int, columns: Range<Int>, of columnCount: Int, width: Int, from generator: inout TorchGenerator
  ) {
    let bound = TorchGenerator.kaimingBound(fanIn: fanIn)
    for row in 0..<count / (columnCount * width) {
      for column in columns {
        let start = (row * columnCount + column) * width
        for index in start..<start + width { self[index] = generator.uniformBFloat16(bound: bound) }
      }
    }
  }

  /// −1 and +1, each with probability 1/(2k), else 0. The thresholds are compared in float32, as torch does.
  fileprivate func fillTernary(k: Double, from generator: inout TorchGenerator) {
    let (low, high) = (Float(1 / (2 * k)), Float(1 - 1 / (2 * k)))
    for index in 0..<count {
      let value = generator.uniform()
      self[index] = value < low ? -1 : value > high ? 1 : 0
    }
  }

  /// Divides every value by the tensor's unbiased standard deviation, both rounded.
  fileprivate func normalize(rounding: (Float) -> Float) {
    var sum = 0.0
    for index in 0..<count { sum += Double(self[index]) }
    let mean = sum / Double(count)
    var squares = 0.0
    for index in 0..<count {
      let difference = Double(self[index]) - mean
      squares += difference * difference
    }
    let deviation = rounding(Float((squares / Double(count - 1)).squareRoot()))
    for index in 0..<count { self[index] = rounding(self[index] / deviation) }
  }

  fileprivate func isIdentical(to other: Tensor) -> Bool {
    shape == other.shape && (0..<count).allSatisfy { self[$0].bitPattern == other[$0].bitPattern }
  }

  fileprivate var fitsBFloat16: Bool { (0..<count).allSatisfy { self[$0].bitPattern & 0xFFFF == 0 } }
}

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
  /// (maxDim × m × r): the first m of the nGlobal bases, all that any module uses.
  package let b: Tensor

  package init(a: Tensor, b: Tensor) {
    self.a = a
    self.b = b
  }

  /// Draws the bases bit for bit as PEFT 0.21 does with torch 2.15 on a CPU.
  /// - Parameters:
  ///   - key: `projection_prng_key`
  ///   - kept: m; those that no module uses when nil are drawn, as they count for the deviation, and forgotten.
  package init(shape: BasesShape, sparsity: BasesSparsity, key: Int, kept: Int? = nil) {
    var generator = TorchGenerator(seed: key)
    let kept = kept ?? shape.usedCount
    a = Tensor(shape.rank, shape.minDim)
    b = Tensor(shape.maxDim, kept, shape.rank)
    let drawA = BasisDraw(rows: shape.rank, bases: 1, width: shape.minDim, sparsity: sparsity, shape: shape)
    let drawB = BasisDraw(rows: shape.maxDim, bases: shape.count, width: shape.rank, sparsity: sparsity, shape: shape)
    drawA.fill(a, kept: 1, from: &generator)
    drawB.fill(b, kept: kept, from: &generator)
  }

  /// Whether both have the same bits.
  func isIdentical(to other: Bases) -> Bool { a.isIdentical(to: other.a) && b.isIdentical(to: other.b) }

  /// Whether bfloat16 holds every value exactly.
  var fitBFloat16: Bool { a.fitsBFloat16 && b.fitsBFloat16 }
}

extension Tensor {
  fileprivate func isIdentical(to other: Tensor) -> Bool {
    shape == other.shape && (0..<count).allSatisfy { self[$0].bitPattern == other[$0].bitPattern }
  }

  fileprivate var fitsBFloat16: Bool { (0..<count).allSatisfy { self[$0].bitPattern & 0xFFFF == 0 } }
}

import Checkpoint
import Tensor

/// A part of RandLoRA's random basis B that layers of one shape share, as ΔW is formed from it and its gradient
/// projected on it: by dense products, or, where few entries are not zero, by those alone.
struct Basis: Sendable {
  /// B[:mx, :n] as (mx, k), k = n·r.
  let dense: Matrix
  private let sparse: SparseMatrix?
  /// Its transpose, on which gradients are projected; nil outside training.
  private let sparseTransposed: SparseMatrix?

  /// Above this share of entries a dense product is faster: sparse ones reach about half of its rate.
  private static let sparseDensity = 0.2

  /// - Parameters:
  ///   - isSparse: whether it is worth looking for zeros.
  ///   - training: whether gradients are wanted.
  init(_ b: Tensor, rows: Int, columns: Int, isSparse: Bool, training: Bool) {
    dense = Matrix(b, rows: rows, columns: columns, stride: b.shape[1] * b.shape[2])
    let entries = isSparse ? SparseMatrix(dense) : nil
    let isWorthwhile = (entries?.density ?? 1) < Self.sparseDensity
    sparse = isWorthwhile ? entries : nil
    sparseTransposed = isWorthwhile && training ? SparseMatrix(dense.transposed) : nil
  }

  /// `d = alpha · B · scaled`, added to `d` or in its place, with scaled (k, mn) and d (mx, mn).
  func multiply(_ scaled: Matrix, into d: Matrix, alpha: Float, adding: Bool) {
    guard let sparse else { return MatMul.multiply(dense, scaled, into: d, alpha: alpha, adding: adding) }
    sparse.multiply(scaled, into: d, alpha: alpha, adding: adding)
  }

  /// `dScaled = alpha · Bᵀ · dD`, with dD (mx, mn) and dScaled (k, mn).
  func multiplyTransposed(_ dD: Matrix, into dScaled: Matrix, alpha: Float) {
    guard let sparseTransposed else { return MatMul.multiply(dense.transposed, dD, into: dScaled, alpha: alpha) }
    sparseTransposed.multiply(dD, into: dScaled, alpha: alpha)
  }
}

/// The parts of RandLoRA's bases that the layers of an adapter use, one for all layers of the same shape.
final class BasisParts {
  let bases: Bases
  private let rank: Int
  private let isSparse: Bool
  private let training: Bool
  private var parts: [[Int]: Basis] = [:]

  /// Nil for LoRA, which has no bases.
  /// - Parameter training: whether gradients are wanted.
  init?(_ adapter: Adapter, training: Bool) {
    guard let bases = adapter.bases else { return nil }
    self.bases = bases
    rank = adapter.configuration.rank
    isSparse = adapter.configuration.sparsity != .dense
    self.training = training
  }

  /// B[:mx, :n] of a layer.
  func basis(for module: LinearModule) -> Basis {
    let wide = max(module.outFeatures, module.inFeatures)
    let columns = module.basesCount(rank: rank) * rank
    if let part = parts[[wide, columns]] { return part }
    let part = Basis(bases.b, rows: wide, columns: columns, isSparse: isSparse, training: training)
    parts[[wide, columns]] = part
    return part
  }
}

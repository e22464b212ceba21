package import Checkpoint

/// The sizes of RandLoRA's shared bases, which follow from the adapted modules together.
package struct BasesShape: Sendable, Equatable {
  /// r
  package let rank: Int
  /// The smaller of the largest output and the largest input width: the width of A.
  package let minDim: Int
  /// The larger of the two: the height of B.
  package let maxDim: Int
  /// The most bases of B that one module uses; the rest, which PEFT draws and stores, no module reads.
  package let usedCount: Int

  package init(modules: [LinearModule], rank: Int) {
    let maxOut = modules.map(\.outFeatures).max() ?? 0
    let maxIn = modules.map(\.inFeatures).max() ?? 0
    self.rank = rank
    minDim = min(maxOut, maxIn)
    maxDim = max(maxOut, maxIn)
    usedCount = modules.map { $0.basesCount(rank: rank) }.max() ?? 0
  }

  /// nGlobal: the number of bases in B.
  package var count: Int { Self.count(width: minDim, rank: rank) }

  /// The number of bases of a rank that span a width.
  fileprivate static func count(width: Int, rank: Int) -> Int { (width + rank - 1) / rank }

  /// The shape of `randlora_A` in PEFT's files.
  var peftShapeA: [Int] { [rank, 1, minDim] }

  /// The shape of `randlora_B` in PEFT's files.
  var peftShapeB: [Int] { [maxDim, count, rank] }

  /// Bytes of float32 that B takes in PEFT, and that its used part takes here.
  package var bytesB: (all: Int, used: Int) { (maxDim * count * rank * 4, maxDim * usedCount * rank * 4) }
}

extension LinearModule {
  /// n: the number of RandLoRA's bases that the layer uses.
  func basesCount(rank: Int) -> Int { BasesShape.count(width: min(outFeatures, inFeatures), rank: rank) }

  /// Whether the scaled bases, which have the narrow side, are what RandLoRA multiplies the input with; else they yield the output.
  var scaledBasesFaceInput: Bool { inFeatures <= outFeatures }
}

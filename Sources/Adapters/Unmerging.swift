package import Tensor

/// Takes an update off a merged weight again and compares with the weight before, as PEFT's `unmerge` gives it back.
package enum Unmerging {
  /// How far `merged − delta` is from `original`.
  ///
  /// - Parameters:
  ///   - merged: as it was rounded and is stored.
  ///   - delta: the update that was added in float32, of as many elements.
  ///   - original: the weight before, in float32.
  /// - Returns: the largest distance of an element, and the first element that is further off than rounding to the
  ///   merged type explains, or nil.
  package static func compare(
    _ merged: StoredTensor, minus delta: Tensor, with original: Tensor
  ) -> (largest: Float, excess: Int?) {
    precondition(merged.count == delta.count && delta.count == original.count)
    let values = merged.floats(), rounding = merged.dtype.rounding
    var largest: Float = 0
    for index in 0..<delta.count {
      let (update, before) = unsafe (delta.pointer[index], original.pointer[index])
      let distance = unsafe abs(values.pointer[index] - update - before)
      // Four roundings to float32: ΔW's sum is given; the sum, the difference and this distance are formed.
      let allowed = (rounding.relative + 0x1p-22) * (abs(update) + abs(before)) + rounding.absolute
      guard distance <= allowed else { return (distance, index) }
      largest = max(largest, distance)
    }
    return (largest, nil)
  }
}

extension DType {
  /// The most that rounding to the type moves a number: a share of it, or of a tiny one this much.
  fileprivate var rounding: (relative: Float, absolute: Float) {
    switch self {
    case .f16: (0x1p-11, 0x1p-25)
    case .bf16: (0x1p-8, .leastNormalMagnitude)
    default: (0, .leastNormalMagnitude)
    }
  }
}

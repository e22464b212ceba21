/// ggml's q8_0: blocks of 32 values, each a float16 scale and 32 signed bytes (ggml-quants.c, `quantize_row_q8_0_ref`).
package enum Q8Blocks {
  /// Values a block.
  package static let length = 32
  /// Bytes a block.
  package static let byteCount = 2 + length

  /// Quantizes values, whose number is a multiple of 32: the scale is the largest magnitude over 127, and quotients are
  /// rounded to nearest, ties away from zero.
  ///
  /// - Returns: nil when a value is not finite, or a scale is not in float16.
  package static func bytes(of values: Tensor) -> [UInt8]? {
    precondition(values.count % length == 0, "\(values.count) values are no whole blocks")
    guard values.isFinite else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count / length * byteCount)
    for start in stride(from: 0, to: values.count, by: length) {
      let block = unsafe UnsafeBufferPointer(start: values.pointer + start, count: length)
      let scale = unsafe block.reduce(Float(0)) { max($0, abs($1)) } / 127
      let stored = Float16(scale)
      guard stored.isFinite else { return nil }
      bytes.append(UInt8(truncatingIfNeeded: stored.bitPattern))
      bytes.append(UInt8(truncatingIfNeeded: stored.bitPattern >> 8))
      // A scale so small that it has no reciprocal is zero as a float16.
      let inverse = (1 / scale).isFinite ? 1 / scale : 0
      for unsafe value in unsafe block {
        bytes.append(UInt8(bitPattern: Int8((value * inverse).rounded(.toNearestOrAwayFromZero))))
      }
    }
    return bytes
  }
}

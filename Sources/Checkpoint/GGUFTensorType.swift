package import Tensor

/// The types in which tensors are written to GGUF files, as llama.cpp's convert_hf_to_gguf.py spells them.
package enum GGUFTensorType: String, Sendable, CaseIterable {
  case f32, f16, bf16, q8_0

  /// The number that ggml gives the type.
  var code: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q8_0: 8
    case .bf16: 30
    }
  }

  /// `general.file_type` of a file whose matrices are of this type.
  package var fileType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q8_0: 7
    case .bf16: 32
    }
  }

  /// Values that a row's length must be a multiple of.
  package var blockLength: Int { self == .q8_0 ? Q8Blocks.length : 1 }

  /// Bytes that so many values take.
  func byteCount(of count: Int) -> Int {
    switch self {
    case .f32: 4 * count
    case .f16, .bf16: 2 * count
    case .q8_0: count / Q8Blocks.length * Q8Blocks.byteCount
    }
  }

  /// Whole rows in this type, rounded to nearest, ties to even (q8_0: away from zero, as ggml rounds).
  ///
  /// - Returns: nil when a value is not finite, or is not in this type.
  package func bytes(of rows: Tensor) -> [UInt8]? {
    switch self {
    case .f32: return rows.isFinite ? rows.bytes(as: .f32) : nil
    case .f16: return rows.areFinite(as: .f16) ? rows.bytes(as: .f16) : nil
    case .bf16: return rows.areFinite(as: .bf16) ? rows.bytes(as: .bf16) : nil
    case .q8_0: return Q8Blocks.bytes(of: rows)
    }
  }
}

extension Tensor {
  /// Whether all values are finite once they are rounded to a type.
  fileprivate func areFinite(as dtype: DType) -> Bool {
    guard isFinite else { return false }
    let largest = unsafe UnsafeBufferPointer(start: pointer, count: count).reduce(Float(0)) { max($0, abs($1)) }
    return largest.rounded(to: dtype).isFinite
  }
}

/// The element types of stored tensors, spelled as safetensors spells them.
package enum DType: String, Sendable, CaseIterable {
  case f64 = "F64"
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case i64 = "I64"
  case i32 = "I32"
  case i16 = "I16"
  case i8 = "I8"
  case u8 = "U8"
  case bool = "BOOL"

  /// Bytes an element.
  package var size: Int {
    switch self {
    case .f64, .i64: 8
    case .f32, .i32: 4
    case .f16, .bf16, .i16: 2
    case .i8, .u8, .bool: 1
    }
  }

  /// Whether model weights may have this type: what the matrix product can widen to float32.
  package var isWeight: Bool { self == .f32 || self == .f16 || self == .bf16 }
}

extension Float {
  /// The nearest bfloat16, ties to even, as a float. Not for NaN.
  package var roundedToBFloat16: Float {
    Float(bitPattern: (bitPattern + 0x7FFF + (bitPattern >> 16 & 1)) & 0xFFFF_0000)
  }

  /// The nearest value of a type of weights, ties to even. Not for NaN.
  package func rounded(to dtype: DType) -> Float {
    switch dtype {
    case .bf16: roundedToBFloat16
    case .f16: Float(Float16(self))
    default: self
    }
  }
}

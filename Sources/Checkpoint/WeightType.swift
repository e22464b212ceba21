package import Tensor

extension DType {
  /// The types that weights may have, as transformers spells them ("bfloat16", in config.json's `dtype`); nil for others.
  package var transformersName: String? {
    switch self {
    case .f32: "float32"
    case .f16: "float16"
    case .bf16: "bfloat16"
    default: nil
    }
  }

  package init?(transformersName name: String) {
    guard let type = Self.allCases.first(where: { $0.transformersName == name }) else { return nil }
    self = type
  }
}

import Failures
package import JSON
package import Tensor

/// `quantization_config` of config.json: that bitsandbytes quantized the model's linear layers, and to how many bits.
///
/// How a weight is to be read stands beside the weight itself (`SavedQuantization`).
package struct QuantizationConfiguration: Sendable, Equatable {
  /// 4 or 8.
  package let bits: Int

  /// - Parameter config: the value of `quantization_config`.
  init(_ config: JSONCursor) throws(Failure) {
    let method = try config.field("quant_method")
    guard try method.string() == "bitsandbytes" else {
      throw method.failure(
        "the quantization method '\(try method.string())' is not supported, only bitsandbytes is",
        hint: "use the model's original weights in f32, f16 or bf16")
    }
    let isFour = try config.optional("load_in_4bit")?.bool() ?? false
    let isEight = try config.optional("load_in_8bit")?.bool() ?? false
    guard isFour != isEight else {
      throw config.failure("exactly one of load_in_4bit and load_in_8bit must be true")
    }
    bits = isFour ? 4 : 8
  }

  /// What transformers writes into config.json for a model of this scheme.
  package static func json(_ scheme: QuantizationScheme, skipping modules: [String]) -> JSON {
    var type = FourBitType.fp4, isNested = false, isFour = false
    if case .fourBit(let given, _, let nested) = scheme.codes { (type, isNested, isFour) = (given, nested, true) }
    return [
      "_load_in_4bit": .bool(isFour), "_load_in_8bit": .bool(!isFour),
      "bnb_4bit_compute_dtype": .string(scheme.dtype.transformersName ?? "float32"),
      "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": .string(type.rawValue),
      "bnb_4bit_use_double_quant": .bool(isNested), "llm_int8_enable_fp32_cpu_offload": false,
      "llm_int8_has_fp16_weight": false, "llm_int8_skip_modules": .array(modules.map { .string($0) }),
      "llm_int8_threshold": 6.0, "load_in_4bit": .bool(isFour), "load_in_8bit": .bool(!isFour),
      "quant_method": "bitsandbytes",
    ]
  }
}

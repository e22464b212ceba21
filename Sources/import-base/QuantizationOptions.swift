import ArgumentParser
import Checkpoint
import Failures
import StageSupport
import Tensor

/// What linear layers are quantized to.
enum QuantizationChoice: String, ExpressibleByArgument, ParameterValue, CaseIterable {
  case nf4, fp4, int8
}

/// The types that dequantized values may be rounded to.
enum ComputeType: String, ExpressibleByArgument, ParameterValue, CaseIterable {
  case float32, bfloat16, float16
}

/// The options that say how a model is quantized.
struct QuantizationOptions: ParsableArguments {
  @Option(
    name: [.long, .customLong("bnb-4bit-quant-type")],
    help: "Quantize the linear layers as bitsandbytes does: to nf4 or fp4 (load_in_4bit) or to int8 (load_in_8bit).")
  var quantize: QuantizationChoice?

  @Flag(
    name: [.long, .customLong("bnb-4bit-use-double-quant")], inversion: .prefixedNo,
    help: "nf4 and fp4: quantize the scales of blocks as well (bnb_4bit_use_double_quant).")
  var doubleQuant = true

  @Option(help: "nf4 and fp4: how many weights share a scale.")
  var blocksize = 64

  @Option(
    name: [.long, .customLong("bnb-4bit-compute-dtype")],
    help: """
      nf4 and fp4: what dequantized weights are rounded to before they are multiplied (bnb_4bit_compute_dtype). \
      Products are float32 in any case, so float32 rounds nothing.
      """)
  var computeDtype = ComputeType.float32

  @Option(
    name: [.long, .customLong("llm-int8-skip-modules")],
    help: "Linear layers that stay as they are: names, or parts of names between dots, with commas between them.")
  var skipModules = "lm_head"

  var skippedModules: [String] { skipModules.split(separator: ",").map { $0.filter { $0 != " " } } }

  /// Nil when nothing is to be quantized.
  var scheme: QuantizationScheme? {
    guard let quantize else { return nil }
    guard let type = FourBitType(rawValue: quantize.rawValue) else {
      return QuantizationScheme(codes: .int8, dtype: .f32)
    }
    return QuantizationScheme(
      codes: .fourBit(type, blockSize: blocksize, isNested: doubleQuant),
      dtype: DType(transformersName: computeDtype.rawValue) ?? .f32)
  }

  /// Refuses options that would have no effect.
  /// - Parameter changed: the options that are not at their defaults.
  func check(changed: [String]) throws(Failure) {
    let fourBit = ["double-quant", "blocksize", "compute-dtype"]
    let idle = quantize == nil ? fourBit + ["skip-modules"] : quantize == .int8 ? fourBit : []
    if let option = changed.first(where: idle.contains) {
      let flag = option == "double-quant" && !doubleQuant ? "no-\(option)" : option
      throw Failure(
        .usage, "--\(flag) has no effect \(quantize == nil ? "without --quantize" : "with --quantize int8")",
        hint: "leave it out\(quantize == nil ? ", or say --quantize nf4" : "")")
    }
    guard FourBitBlocks.blockSizes.contains(blocksize) else {
      let sizes = FourBitBlocks.blockSizes.map(String.init).joined(separator: ", ")
      throw Failure(.usage, "--blocksize \(blocksize) is no size of blocks", hint: "sizes are \(sizes)")
    }
  }
}

import ArgumentParser
import Checkpoint
import Failures
import FoundationEssentials
import JSON
import Tensor

/// Which model of random weights is measured.
struct RandomModelOptions: ParsableArguments {
  @Option(help: "The model: \(ModelShape.allCases.map(\.rawValue).joined(separator: ", ")).")
  var shape = ModelShape.smolLM2_135M
  @Option(help: "The weights' type: F32, F16 or BF16.") var dtype = "F32"
  @Option(help: "Quantize the linear layers to nf4, fp4 or int8 first.") var quantize: String?

  /// Makes it in a directory that is there only as long as `body` runs.
  func withModel(_ body: (RandomModel) throws -> Void) throws {
    guard let dtype = DType(rawValue: dtype.uppercased()), dtype.isWeight else {
      throw Failure(.usage, "--dtype must be F32, F16 or BF16, found \(self.dtype)")
    }
    let scheme = try scheme()
    let directory = FileManager.default.temporaryDirectory.path + "/randlora-benchmark-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let model = try RandomModel(try shape.configuration(), dtype: dtype, directory: directory)
    try body(try scheme.map { try model.quantized($0, as: shape.configuration(quantized: $0)) } ?? model)
  }

  private func scheme() throws(Failure) -> QuantizationScheme? {
    guard let quantize else { return nil }
    if quantize == "int8" { return QuantizationScheme(codes: .int8, dtype: .f32) }
    guard let type = FourBitType(rawValue: quantize) else {
      throw Failure(.usage, "--quantize must be nf4, fp4 or int8, found \(quantize)")
    }
    return QuantizationScheme(codes: .fourBit(type, blockSize: 64, isNested: true), dtype: .f32)
  }

  /// What a result says was measured.
  func settings(with others: JSONObject) -> JSONObject {
    let own: JSONObject = [
      "shape": .string(shape.rawValue), "dtype": .string(dtype), "quantize": quantize.map { .string($0) } ?? .null,
    ]
    return JSONObject(uniqueMembers: own.members + others.members)
  }
}

import ArgumentParser
import Artifacts
import Checkpoint
import Failures
import Hub
import JSON
import ModelArtifacts
import StageSupport
import Tensor

@main struct ImportBase: StageCommand {
  static let stage = StageDescription(
    name: "import-base", revision: 3, output: .base,
    parameters: [
      .result("base-model", .path), .result("base-model-id"), .result("quantize"), .result("double-quant"),
      .result("blocksize"), .result("compute-dtype"), .result("skip-modules", .list), .never("device"),
      .never("threads"),
    ],
    abstract: "Check a Hugging Face model directory and make a base artifact of it.",
    discussion: """
      The directory must hold config.json and the weights as safetensors, in one file or in shards with an index, \
      in float32, float16 or bfloat16; tokenizer files and generation_config.json are taken along if they are there. \
      Every tensor must be there with its shape and hold finite numbers. The artifact refers to the files by their \
      digests and copies nothing: keep the directory where it is. With --quantize the artifact holds a model of its \
      own, with the bytes that bitsandbytes makes, in the files that transformers saves; models that are in that \
      form already are taken as they are.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var computing: ComputeOptions

  @Option(help: "The directory of the model.", completion: .directory)
  var baseModel: String

  @Option(
    help: """
      Where the weights come from on the Hugging Face Hub: ORG/NAME or ORG/NAME@REVISION. It is written into the \
      adapters made for this base, so that others find the model.
      """)
  var baseModelID: String?

  mutating func resolve() throws {
    _ = try source()
    try quantization.check(changed: try changedOptions())
  }

  private func source() throws(Failure) -> HuggingFaceRepository? {
    try baseModelID.map { id throws(Failure) in try HuggingFaceRepository(modelID: id) }
  }

  func execute(_ stage: Stage) throws {
    Parallel.threads = try computing.threadCount()
    let source = try source()
    let directory = try ModelDirectory(baseModel)
    try directory.checkWeights(showing: stage.console)
    let writer = try stage.writer()
    let base: Artifact
    if let scheme = quantization.scheme {
      try directory.write(scheme, skipping: quantization.skippedModules, into: writer, showing: stage.console)
      let quantized = try ModelDirectory(Files.parent(of: try writer.path(for: "config.json")))
      base = try stage.publish(writer, section: quantized.section(source: source))
    } else {
      for file in directory.files { try writer.reference(file: file, at: directory.path(of: file)) }
      base = try stage.publish(writer, section: directory.section(source: source))
    }
    warnOfTokenizer(base, stage.console)
    stage.console.note(summary(of: base))
  }

  /// A base can be used without its tokenizer, with rows of token ids.
  private func warnOfTokenizer(_ base: Artifact, _ console: Console) {
    do throws(Failure) {
      let model = try BaseModel(base)
      if model.hasTokenizer { _ = try model.tokenizer() }
    } catch {
      console.warn("the model's tokenizer cannot be used: \(error.message)")
    }
  }

  private func summary(of base: Artifact) -> String {
    let section = base.section.value
    let (type, dtype) = (section["model_type"]?.stringValue ?? "", section["weight_dtype"]?.stringValue ?? "")
    let parameters = NumberText.count(section["parameters"]?.integerValue ?? 0)
    let quantization = section["quantization"]?["quant_type"]?.stringValue.map { ", linear layers quantized to \($0)" }
    return "\(type) model with \(parameters) parameters in \(dtype)\(quantization ?? "")"
  }
}

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
      .result("base-model", .model), .result("base-model-id"), .result("quantize"), .result("double-quant"),
      .result("blocksize"), .result("compute-dtype"), .result("skip-modules", .list), .never("device"),
      .never("threads"),
    ],
    abstract: "Check a Hugging Face model and make a base artifact of it.",
    discussion: """
      A model is a directory or a name on the Hugging Face Hub, which is fetched into the cache that the Hub's tools \
      share (HF_HOME, HF_TOKEN and HF_ENDPOINT count as they do there). The directory must hold config.json and the \
      weights as safetensors, in one file or in shards with an index, in float32, float16 or bfloat16; tokenizer \
      files and generation_config.json are taken along if they are there. Every tensor must be there with its shape \
      and hold finite numbers. The artifact refers to the files by their digests and copies nothing: keep the \
      directory where it is. With --quantize the artifact holds a model of its own, with the bytes that bitsandbytes \
      makes, in the files that transformers saves; models that are in that form already are taken as they are.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var computing: ComputeOptions

  @Option(
    help: "The directory of the model, or ORG/NAME or ORG/NAME@REVISION on the Hugging Face Hub.",
    completion: .directory)
  var baseModel: String

  @Option(
    help: """
      Where the weights of a directory come from on the Hugging Face Hub: ORG/NAME or ORG/NAME@REVISION. It is written into the \
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
    let (directory, source) = try model(stage.console)
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

  /// The model and where it comes from; fetched, when it is the name of one on the Hub and no directory.
  private func model(_ console: Console) throws(Failure) -> (ModelDirectory, HuggingFaceRepository?) {
    let source = try source()
    if Files.exists(baseModel) { return (try ModelDirectory(baseModel), source) }
    guard let repository = try? HuggingFaceRepository(modelID: baseModel) else {
      throw Failure(.missingInput, "the directory '\(baseModel)' does not exist")
    }
    guard source == nil else {
      throw Failure(
        .usage,
        "the directory '\(baseModel)' does not exist, and a model of the Hub has no --base-model-id beside its own",
        hint: "leave out --base-model-id to fetch it from the Hub")
    }
    do throws(Failure) {
      let model = try HubModel(repository, showing: console)
      return (try ModelDirectory(model.directory), model.source)
    } catch {
      guard error.kind == .missingInput || error.kind == .io else { throw error }
      throw Failure(
        error.kind, "there is no directory '\(baseModel)', and \(error.message)", hint: error.hint)
    }
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
    let quantization = section["quantization"]?["quant_type"]?.stringValue.map {
      ", linear layers quantized to \($0)"
    }
    return "\(type) model with \(parameters) parameters in \(dtype)\(quantization ?? "")"
  }
}

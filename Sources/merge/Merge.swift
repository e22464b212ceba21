import ArgumentParser
import Artifacts
import Checkpoint
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor

/// What type merged weights are written in.
enum WeightChoice: String, ExpressibleByArgument, ParameterValue, CaseIterable {
  case base, float32, bfloat16, float16
}

/// How the merged model is written.
enum ModelFormat: String, ExpressibleByArgument, ParameterValue, CaseIterable {
  case safetensors, gguf
}

extension GGUFTensorType: ExpressibleByArgument, ParameterValue {}

@main struct Merge: StageCommand {
  static let stage = StageDescription(
    name: "merge", revision: 6,
    inputs: [
      .required("base", .base), .several("checkpoint", .checkpoint), .optional("original-base", .base),
    ],
    output: .model,
    parameters: [
      .result("weights", .list), .result("format"), .result("dtype"), .result("max-shard-size"),
      .result("outtype"), .never("device"), .never("threads"),
    ],
    abstract: "Add adapters to the weights of their base: a model that needs no adapter any more.",
    discussion: """
      The output is a Hugging Face model directory with the base's own tokenizer and configuration. Sums are formed in \
      float32 and rounded once. A quantized base is dequantized: those are the weights that the adapter was trained \
      against and measured with. --original-base adds it to the weights before quantization instead. Several checkpoints \
      of one base, RandLoRA and LoRA of any rank, add up with --weights. Each merged weight is checked: less its update \
      it must give the weight before, within rounding; the manifest has the largest difference. With --format gguf the \
      output is one file, model.gguf, with weights and tokenizer as llama.cpp reads them.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var computing: ComputeOptions

  @Option(help: "The base.", completion: .directory)
  var base: String

  @Option(
    help: "The checkpoint whose adapter is merged; once for each of several. 'init-adapter --from-adapter' makes one of PEFT's.",
    completion: .directory)
  var checkpoint: [String] = []

  @OptionGroup var weighting: AdapterWeights

  @Option(
    help: "The base that --base was quantized from: merge into its weights, which the adapter has never seen.",
    completion: .directory)
  var originalBase: String?

  @Option(help: "Write a Hugging Face directory (safetensors), or a file for llama.cpp (gguf).")
  var format = ModelFormat.safetensors

  @Option(
    help: """
      The type of the matrices in a GGUF file, f16 unless given; norms and biases are always f32. q8_0 is ggml's, with a \
      scale for each 32 values.
      """)
  var outtype: GGUFTensorType?

  @Option(help: "The type of the merged weights; 'base' keeps that of each tensor.")
  var dtype = WeightChoice.base

  @Option(
    help:
      "The most weights in one file (5GB, 200MB, 1GiB); a larger model is written in shards with an index.")
  var maxShardSize = Self.shardSize

  private static let shardSize = "5GB"

  func resolve() throws {
    _ = try shardLimit()
    try weighting.check(checkpoints: checkpoint.count)
    switch format {
    case .safetensors:
      guard outtype == nil else {
        throw Failure(.usage, "--outtype goes with --format gguf", hint: "choose the type with --dtype")
      }
    case .gguf:
      guard dtype == .base, maxShardSize == Self.shardSize else {
        throw Failure(
          .usage, "--dtype and --max-shard-size do not go with --format gguf",
          hint: "a GGUF file is never in shards, and --outtype chooses its type")
      }
    }
  }

  private func shardLimit() throws(Failure) -> Int {
    if let bytes = ShardPlan.bytes(maxShardSize) { return bytes }
    throw Failure(.usage, "--max-shard-size: '\(maxShardSize)' is no size", hint: "write 5GB, 200MB or 1GiB")
  }

  func execute(_ stage: Stage) throws {
    let shardLimit = try shardLimit()
    Parallel.threads = try computing.threadCount()
    let base = try BaseModel(try stage.input("base"))
    try stage.require("checkpoint", names: "base", of: "base")
    let checkpoints = stage.inputs("checkpoint")
    let adapters = try CheckpointArtifact.adapters(checkpoints, weights: weighting.values, model: base.configuration)
    let original = try stage.optionalInput("original-base").map { (artifact) throws(Failure) in try BaseModel(artifact) }
    let dtype = format == .gguf ? .f32 : DType(transformersName: dtype.rawValue)
    let model = try MergedModel(base: base, original: original, adapters: adapters, dtype: dtype)
    switch format {
    case .safetensors: try write(model, shardLimit: shardLimit, checkpoints.map(\.digest), stage)
    case .gguf: try write(try GGUFModel(model, type: outtype ?? .f16), checkpoints.map(\.digest), stage)
    }
  }

  private func write(_ merged: MergedModel, shardLimit: Int, _ checkpoints: [Digest], _ stage: Stage) throws {
    var model = merged
    if let limitation = model.limitation { stage.console.warn(limitation) }
    let writer = try stage.writer()
    let progress = stage.console.progress("merging", total: model.byteCount, unit: "byte")
    try model.write(into: writer, shardLimit: shardLimit) { bytes throws(Failure) in
      try Interruption.check()
      progress.advance(by: bytes)
    }
    progress.finish()
    try stage.publish(writer, section: try model.section(checkpoints: checkpoints)) {
      directory throws(Failure) in try MergedModel.check(directory: directory)
    }
  }

  private func write(_ merged: GGUFModel, _ checkpoints: [Digest], _ stage: Stage) throws {
    var model = merged
    if let limitation = model.limitation { stage.console.warn(limitation) }
    let writer = try stage.writer()
    let progress = stage.console.progress("merging", total: model.byteCount, unit: "byte")
    try model.write(into: writer) { bytes throws(Failure) in
      try Interruption.check()
      progress.advance(by: bytes)
    }
    progress.finish()
    try stage.publish(writer, section: try model.section(checkpoints: checkpoints))
  }
}

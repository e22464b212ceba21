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

@main struct Merge: StageCommand {
  static let stage = StageDescription(
    name: "merge", revision: 4,
    inputs: [
      .required("base", .base), .several("checkpoint", .checkpoint), .optional("original-base", .base),
    ],
    output: .model,
    parameters: [
      .result("weights", .list), .result("dtype"), .result("max-shard-size"), .never("device"), .never("threads"),
    ],
    abstract: "Add adapters to the weights of their base: a model that needs no adapter any more.",
    discussion: """
      The output is a Hugging Face model directory with the base's own tokenizer and configuration. Sums are formed in \
      float32 and rounded once. A quantized base is dequantized: those are the weights that the adapter was trained \
      against and measured with. --original-base adds it to the weights before quantization instead. Several checkpoints \
      of one base, RandLoRA and LoRA of any rank, add up with --weights. Each merged weight is checked: less its update \
      it must give the weight before, within rounding; the manifest has the largest difference.
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

  @Option(help: "The type of the merged weights; 'base' keeps that of each tensor.")
  var dtype = WeightChoice.base

  @Option(
    help:
      "The most weights in one file (5GB, 200MB, 1GiB); a larger model is written in shards with an index.")
  var maxShardSize = "5GB"

  func resolve() throws { try weighting.check(checkpoints: checkpoint.count) }

  func execute(_ stage: Stage) throws {
    guard let shardLimit = ShardPlan.bytes(maxShardSize) else {
      throw Failure(
        .usage, "--max-shard-size: '\(maxShardSize)' is no size", hint: "write 5GB, 200MB or 1GiB")
    }
    Parallel.threads = try computing.threadCount()
    let base = try BaseModel(try stage.input("base"))
    try stage.require("checkpoint", names: "base", of: "base")
    let checkpoints = stage.inputs("checkpoint")
    let adapters = try CheckpointArtifact.adapters(checkpoints, weights: weighting.values, model: base.configuration)
    let original = try stage.optionalInput("original-base").map { (artifact) throws(Failure) in try BaseModel(artifact) }
    var model = try MergedModel(
      base: base, original: original, adapters: adapters, dtype: DType(transformersName: dtype.rawValue))
    let writer = try stage.writer()
    let progress = stage.console.progress("merging", total: model.byteCount, unit: "byte")
    try model.write(into: writer, shardLimit: shardLimit) { bytes throws(Failure) in
      try Interruption.check()
      progress.advance(by: bytes)
    }
    progress.finish()
    try stage.publish(writer, section: try model.section(checkpoints: checkpoints.map(\.digest))) {
      directory throws(Failure) in try MergedModel.check(directory: directory)
    }
  }
}

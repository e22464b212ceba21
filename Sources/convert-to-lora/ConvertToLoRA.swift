import Adapters
import ArgumentParser
import Artifacts
import Checkpoint
import Conversion
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor

@main struct ConvertToLoRA: StageCommand {
  static let stage = StageDescription(
    name: "convert-to-lora", revision: 1,
    inputs: [.required("base", .base), .several("checkpoint", .checkpoint)], output: .adapter,
    parameters: [
      .result("weights", .list), .result("rank"), .result("energy"), .never("device"), .never("threads"),
    ],
    abstract: "Make a LoRA adapter of a RandLoRA adapter, for servers that only know LoRA.",
    discussion: """
      The output is a directory that Hugging Face PEFT loads as LoRA. Each layer's update is replaced by the nearest matrix of \
      a rank (by singular values, as PEFT's convert_to_lora does); what is lost is shown for each layer and stands in \
      the manifest. Several checkpoints of one base add up with --weights. A quantized base is not read beyond its \
      configuration: the update does not depend on it.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var computing: ComputeOptions

  @Option(help: "The base that the adapters are for.", completion: .directory)
  var base: String

  @Option(help: "The checkpoint whose adapter is converted; once for each of several.", completion: .directory)
  var checkpoint: [String] = []

  @OptionGroup var weighting: AdapterWeights

  @Option(
    name: [.long, .customLong("lora-rank"), .customLong("r")],
    help: "The rank of every layer; a layer that is narrower takes its own width.")
  var rank: Int?

  @Option(
    help: """
      Instead of a rank: the share of each update's squared Frobenius norm that is kept, above 0 and at most 1. Each layer \
      has the smallest rank that does, under PEFT's rank_pattern where it is not the most common one.
      """)
  var energy: Double?

  func resolve() throws {
    try weighting.check(checkpoints: checkpoint.count)
    _ = try truncation()
  }

  private func truncation() throws(Failure) -> LoRATruncation {
    switch (rank, energy) {
    case (let rank?, nil):
      guard rank > 0 else { throw Failure(.usage, "--rank must be at least 1, found \(rank)") }
      return .rank(rank)
    case (nil, let energy?):
      guard energy > 0, energy <= 1 else {
        throw Failure(.usage, "--energy must be above 0 and at most 1, found \(energy)")
      }
      return .energy(energy)
    case (.some, .some): throw Failure(.usage, "--rank and --energy exclude one another", hint: "choose one")
    case (nil, nil):
      throw Failure(.usage, "either --rank or --energy must be given", hint: "--energy 0.95 keeps 95 % of each update")
    }
  }

  func execute(_ stage: Stage) throws {
    Parallel.threads = try computing.threadCount()
    let base = try BaseModel(try stage.input("base"))
    try stage.require("checkpoint", names: "base", of: "base")
    let checkpoints = stage.inputs("checkpoint")
    let adapters = try CheckpointArtifact.adapters(checkpoints, weights: weighting.values, model: base.configuration)
    let progress = stage.console.progress("converting", total: adapters.modules.count, unit: "layer")
    let conversion = try LoRAConversion(adapters, truncation: try truncation()) { () throws(Failure) in
      try Interruption.check()
      progress.advance(by: 1)
    }
    progress.finish()
    let facts = base.artifact.section
    let writer = try stage.writer()
    try conversion.adapter.write(
      baseModel: facts.optional("base_model_id")?.string(), revision: facts.optional("base_model_revision")?.string(),
      saveProjection: false
    ) { name throws(Failure) in try writer.path(for: name) }
    let section = try ConvertedAdapter.section(conversion, of: adapters, from: checkpoints, base: base)
    let model = base.configuration
    try stage.publish(writer, section: section) { directory throws(Failure) in
      _ = try Adapter(directory: directory, modules: model.adaptableModules, tensors: model.trainableTensors)
    }
    stage.console.table(summary(of: conversion))
  }

  private func summary(of conversion: LoRAConversion) -> TextTable {
    var table = TextTable(.text("layer"), .number("rank"), .number("relative error"))
    for layer in conversion.layers {
      table.add(layer.module.name, "\(layer.rank)", NumberText.short(layer.relativeError))
    }
    return table
  }
}

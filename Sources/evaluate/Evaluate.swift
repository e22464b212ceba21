import Adapters
import ArgumentParser
import Artifacts
import Checkpoint
import Datasets
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor
import Training
import Transformer

/// Measures a base model, with an adapter or without, on the rows of a dataset.
@main struct Evaluate: StageCommand {
  static let stage = StageDescription(
    name: "evaluate", revision: 5,
    inputs: [.required("base", .base), .required("dataset", .dataset), .optional("checkpoint", .checkpoint)],
    output: .evaluation,
    parameters: [
      .result("split"), .result("exact-match"), .result("max-new-tokens"), .result("save-logits"),
      .never("device"), .never("threads"),
    ],
    abstract: "Measure loss, perplexity, token accuracy and, on request, exact match.",
    discussion: """
      Loss is the mean negative log-likelihood (nats) over all supervised tokens of the split, whatever the lengths of \
      its rows. --exact-match also answers each row's prompt by greedy generation and compares the text.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var computing: ComputeOptions
  @Option(help: "The base model.", completion: .directory)
  var base: String?
  @Option(help: "The dataset.", completion: .directory)
  var dataset: String?
  @Option(help: "The checkpoint whose adapter is at work; without it, the base alone is measured.", completion: .directory)
  var checkpoint: String?
  @Option(help: "Which rows: validation, train or test.")
  var split = "validation"
  @Flag(help: "Answer each prompt by greedy generation and count the answers that match word for word.")
  var exactMatch = false
  @Option(help: "The most tokens an answer may have.")
  var maxNewTokens = 64
  @Flag(help: "Also write the logits of every token as logits.safetensors (rows one after another).")
  var saveLogits = false

  mutating func resolve() throws {
    guard DatasetSplit(rawValue: split) != nil else {
      throw Failure(.usage, "--split must be validation, train or test, found '\(split)'")
    }
    guard (1...1_000_000).contains(maxNewTokens) else {
      throw Failure(.usage, "--max-new-tokens must be from 1 to 1000000, found \(maxNewTokens)")
    }
  }

  mutating func execute(_ stage: Stage) throws {
    Parallel.threads = try computing.threadCount()
    let model = try BaseModel(try stage.input("base"))
    try stage.require("checkpoint", names: "base", of: "base")
    let checkpoint = try stage.optionalInput("checkpoint").map { try CheckpointArtifact($0, model: model.configuration) }
    let rows = try DatasetArtifact.rows(try stage.input("dataset"), split: split, for: model)
    let decoder = try model.model()
    let adapter = checkpoint.map {
      decoder.activate($0.state.adapter, tokens: rows.tokenCount, training: false)
    }
    let writer = try stage.writer()
    let bar = stage.console.progress("evaluating", total: rows.count, unit: "row")
    let result = try Evaluation(model: decoder, adapter: adapter, rows: rows) { done throws(Failure) in
      try Interruption.check()
      bar.update(done)
    }
    bar.finish()
    if saveLogits { try writeLogits(decoder, adapter, rows, to: writer.path(for: "logits.safetensors")) }
    let match = try exactMatch ? answers(model, decoder, adapter, rows, stage: stage, writer: writer) : nil
    let section = try section(stage, checkpoint: checkpoint, result: result, exactMatch: match)
    let evaluation = try stage.publish(
      writer, section: section,
      environment: ["instructions": .string(MatMul.level)])
    summary(of: evaluation).map(stage.console.table)
  }

  private func answers(
    _ base: BaseModel, _ model: DecoderModel, _ adapter: ActiveAdapter?, _ rows: TokenRows, stage: Stage,
    writer: ArtifactWriter
  ) throws -> ExactMatch {
    let tokenizer = try base.tokenizer()
    let bar = stage.console.progress("answering", total: rows.count, unit: "row")
    let match = try ExactMatch(
      model: model, adapter: adapter, rows: rows, tokenizer: tokenizer, maxNewTokens: maxNewTokens,
      stopTokens: base.stopTokens(tokenizer)
    ) { done throws(Failure) in
      try Interruption.check()
      bar.update(done)
    }
    bar.finish()
    if match.unanswerable > 0 {
      stage.console.warn(
        "prompts that fill the model's context of \(base.configuration.contextLength) tokens, and count as wrong: \(match.unanswerable)")
    }
    let lines = match.predictions.map { prediction in
      JSON.object([
        "prompt": .string(prediction.prompt), "expected": .string(prediction.expected),
        "generated": .string(prediction.generated), "matches": .bool(prediction.matches),
      ]).text(indent: 0) + "\n"
    }
    try AtomicFile.write(Array(lines.joined().utf8), to: writer.path(for: "predictions.jsonl"))
    return match
  }

  private func writeLogits(
    _ model: DecoderModel, _ adapter: ActiveAdapter?, _ rows: TokenRows, to path: String
  ) throws {
    let batch = MicroBatch(rows: (0..<rows.count).map { (rows[$0].ids, rows[$0].supervised) })
    try SafeTensors.write([("logits", .floats(model.logits(batch, adapter: adapter)))], to: path)
  }

  private func section(
    _ stage: Stage, checkpoint: CheckpointArtifact?, result: Evaluation, exactMatch match: ExactMatch?
  ) throws -> JSONObject {
    var exact = JSON.null
    if let match {
      exact = [
        "rows": .integer(match.predictions.count), "matched": .integer(match.matched),
        "rate": .number(Double(match.matched) / Double(max(1, match.predictions.count))),
        "max_new_tokens": .integer(maxNewTokens),
      ]
    }
    return [
      "base": .string(try stage.input("base").digest.hex),
      "dataset": .string(try stage.input("dataset").digest.hex),
      "checkpoint": stage.optionalInput("checkpoint").map { .string($0.digest.hex) } ?? .null,
      "step": checkpoint.map { .integer($0.state.step) } ?? .null,
      "method": checkpoint.map { .string($0.state.adapter.configuration.method.rawValue) } ?? .null,
      "trainable_parameters": .integer(checkpoint?.state.adapter.parameters.count ?? 0),
      "split": .string(split), "rows": .integer(result.rows), "tokens": .integer(result.tokens),
      "loss": .number(result.loss), "perplexity": .number(result.perplexity),
      "token_accuracy": .number(result.tokenAccuracy), "exact_match": exact,
    ]
  }

  func summary(of evaluation: Artifact) -> TextTable? {
    let section = evaluation.section.value
    func count(_ field: String) -> String { NumberText.count(section[field]?.integerValue ?? 0) }
    func number(_ field: String) -> Double { section[field]?.doubleValue ?? .nan }
    var table = TextTable(.text("measure"), .number("value"))
    table.add("rows", count("rows"))
    table.add("supervised tokens", count("tokens"))
    table.add("loss", NumberText.short(number("loss")))
    table.add("perplexity", NumberText.short(number("perplexity")))
    table.add("token accuracy", NumberText.fixed(number("token_accuracy"), decimals: 4))
    if let match = section["exact_match"], let matched = match["matched"]?.integerValue, let rows = match["rows"]?.integerValue {
      table.add("exact match", "\(matched) of \(rows)")
    }
    return table
  }
}

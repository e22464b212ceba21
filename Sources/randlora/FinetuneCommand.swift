import ArgumentParser
import Artifacts
import Failures
import JSON
import Pipeline
import StageSupport

/// The flags of PEFT's example for RandLoRA, run as the built-in pipeline.
struct FinetuneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune", abstract: "Fine-tune a model on a file of examples: an adapter for PEFT.",
    discussion: """
      Runs pipelines/finetune.yaml, which is built in: import the model, prepare the data, train, evaluate on held-out \
      rows, and write the adapter to --output-dir. What was done is kept beside it (.randlora, or $RANDLORA_STORE), so \
      that the same command with other numbers repeats only what they change, and goes on where it was interrupted.

      The flags are those of PEFT's example randlora_finetuning.py, with '-' or '_'. Any other parameter of a stage \
      (base, data, start, trained, adapter) can be given with --set STAGE.PARAMETER=VALUE, such as \
      --set trained.lr-scheduler-type=cosine or --set 'data.field=[instruction=question, output=answer]'.
      """)

  @Option(help: "The directory of the model (or its name on the Hugging Face Hub).", completion: .directory)
  var baseModel: String
  @Option(
    parsing: .upToNextOption,
    help: "The files or directories with the examples: JSON Lines, JSON, CSV, Parquet or plain text, compressed or not.",
    completion: .file())
  var dataPath: [String]
  @Option(help: "Where the adapter goes.", completion: .directory)
  var outputDir: String
  @Option(help: "Rows of a batch; as many batches as have 16 rows together make one step. Without it, 4.")
  var batchSize: Int?
  @Option(help: "Passes over the training rows.")
  var numEpochs: Double = 1
  @Option(help: "The peak learning rate.")
  var learningRate: Double = 3e-4
  @Option(help: "The most tokens of a row; longer ones are cut.")
  var cutoffLen = 512
  @Option(help: "How many rows are held out to evaluate on; below 1 it is a share of them, 0 is none.")
  var valSetSize = 0.1
  @Flag(help: "Train a LoRA adapter instead of RandLoRA.")
  var useLora = false
  @Flag(help: "Quantize the model to 4 bits (nf4) first.")
  var quantize = false
  @Option(help: "Evaluate every so many steps.")
  var evalStep = 100
  @Option(help: "Keep a state every so many steps.")
  var saveStep = 100
  @Option(help: "Where to compute.")
  var device = "auto"
  @Option(name: [.short, .long, .customLong("r")], help: "The rank.")
  var rank = 32
  @Option(
    name: [.customLong("randlora-alpha"), .customLong("lora-alpha"), .customLong("alpha")],
    help: "The update is scaled by alpha / rank. Without it: 20 times the rank, for LoRA 2 times.")
  var alpha: Double?
  @Option(
    name: [.customLong("randlora-dropout"), .customLong("lora-dropout"), .customLong("dropout")],
    help: "How likely an input of the adapter is dropped in training.")
  var dropout = 0.05
  @Option(
    name: [.customLong("randlora-target-modules"), .customLong("lora-target-modules"), .customLong("target-modules")],
    help: "The linear layers to adapt: names with commas between them, or all-linear.")
  var targetModules = "k_proj,v_proj"
  @Flag(help: "Use sparse random bases.")
  var sparse = false
  @Flag(help: "Use very sparse random bases.")
  var verySparse = false
  @Option(help: "The repository on the Hugging Face Hub, ORG/NAME.")
  var hubModelID: String?
  @Flag(help: "Publish the adapter there as well.")
  var pushToHub = false
  @OptionGroup var parameters: ParameterSettings
  @OptionGroup var settings: RunSettings

  func validate() throws {
    for (name, value) in [("base-model", [baseModel]), ("data-path", dataPath), ("output-dir", [outputDir])] where value.contains("") {
      throw ValidationError("--\(name) is empty")
    }
    if let batchSize, batchSize < 1 { throw ValidationError("--batch-size must be at least 1") }
    if pushToHub, hubModelID == nil { throw ValidationError("--push-to-hub needs --hub-model-id ORG/NAME") }
    if !pushToHub, hubModelID != nil { throw ValidationError("--hub-model-id is for --push-to-hub") }
  }

  func run() async throws {
    let output = try Files.absolute(Files.withoutSlashes(outputDir))
    try ArtifactWriter.check(output: output)
    let path = try Files.absolute("finetune.yaml")
    do {
      let pipeline = try PipelineFile(
        yaml: String(decoding: PackageResources.finetune_yaml, as: UTF8.self), path: path,
        settings: try values(output) + parameters.values())
      let store = try StorePlace.open(StorePlace.named ?? PipelineFile.storePath(beside: output))
      try await requireRoom(at: output, for: pipeline, in: store)
      let summary = try await settings.run(pipeline.stages, of: pipeline, in: store)
      try showUse(of: summary, in: store)
    } catch let failure as Failure where failure.message.hasPrefix(path + ":") {
      // Nobody wrote that file: what is wrong with it came from the command line.
      let sentence = failure.message.dropFirst(path.count + 1).drop { $0 != " " }.dropFirst()
      throw Failure(failure.kind == .badData ? .usage : failure.kind, String(sentence), hint: failure.hint)
    }
  }

  /// Says how the adapter is asked something.
  private func showUse(of summary: RunSummary, in store: Store) throws(Failure) {
    guard !settings.json, !settings.dryRun, let base = summary["base"], let data = summary["data"],
      let trained = summary["trained"]
    else { return }
    var inputs = [("base", base), ("dataset", data), ("checkpoint", trained)]
    // Rows of token ids do not tell how to ask.
    if try store.object(data).section.optional("row_form")?.string() == "tokens" { inputs.remove(at: 1) }
    let flags = inputs.map { "--\($0) \(Self.shellWord(store.objectPath($1)))" }
    Console.standard(quiet: settings.quiet).note(
      "try it: randlora generate \(flags.joined(separator: " ")) --prompt \"…\"")
  }

  /// A text as a shell takes it for one word.
  private static func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0
      || UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || "/._-".utf8.contains($0) }
    return isPlain ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
  }

  /// Better now than after the training: what lies at the output must be able to give way, unless there is nothing to do.
  private func requireRoom(at output: String, for pipeline: PipelineFile, in store: Store) async throws {
    do {
      try Artifact.requireUntouched(at: output, by: .adapter)
    } catch {
      if try await pipeline.plan(in: store).ran > 0 { throw error }
    }
  }

  private func values(_ output: String) throws(Failure) -> [(name: String, value: String)] {
    let evaluates = valSetSize != 0
    let quantization = quantize ? [("base.quantize", "nf4")] : []
    let data = try dataPath.map { path throws(Failure) in JSON.string(try Self.place(path)) }
    return quantization + [
      ("base_model", try Self.place(baseModel)), ("data.data-path", JSON.array(data).text(indent: 0)), ("output_dir", output),
      ("batch_size", "\(batchSize ?? 4)"), ("accumulation", "\(max(1, 16 / (batchSize ?? 4)))"),
      ("num_epochs", "\(numEpochs)"), ("learning_rate", "\(learningRate)"), ("cutoff_len", "\(cutoffLen)"),
      ("val_set_size", "\(valSetSize)"), ("evaluate", "\(evaluates)"),
      ("eval_step", evaluates ? "\(evalStep)" : ""), ("save_step", "\(saveStep)"), ("device", device),
      ("use_lora", "\(useLora)"), ("rank", "\(rank)"), ("alpha", alpha.map { "\($0)" } ?? ""),
      ("dropout", "\(dropout)"), ("target_modules", targetModules), ("sparse", "\(sparse)"),
      ("very_sparse", "\(verySparse)"), ("hub_model_id", hubModelID ?? ""), ("push_to_hub", "\(pushToHub)"),
    ]
  }

  /// The absolute path of what is here; a name that is not stays as it is.
  private static func place(_ path: String) throws(Failure) -> String {
    if case .missing = try FileStatus(path, followingLinks: true) { return path }
    return try Files.absolute(path)
  }
}

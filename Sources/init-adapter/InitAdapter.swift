import Adapters
import ArgumentParser
import Artifacts
import Checkpoint
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Training

@main struct InitAdapter: StageCommand {
  static let stage = StageDescription(
    name: "init-adapter", revision: 1, inputs: [.required("base", .base)], output: .checkpoint,
    parameters: [
      .result("rank"), .result("alpha"), .result("dropout"), .result("target-modules", .list),
      .result("layers-to-transform", .list), .result("use-lora"), .result("use-rslora"), .result("sparse"),
      .result("layers-pattern", .list), .result("bias"), .result("modules-to-save", .list), .result("very-sparse"),
      .result("projection-prng-key"), .result("seed"), .result("from-adapter", .path),
    ],
    abstract: "Make a new adapter for a base: the checkpoint from which training starts.",
    discussion: """
      The adapter is RandLoRA unless --use-lora is given, and does not change the model yet. With --from-adapter it \
      is one that PEFT or this program trained before, and all that describes an adapter is taken from there.
      """)

  @OptionGroup var options: StageOptions

  @Option(help: "The base that the adapter is for.", completion: .directory)
  var base: String

  @Option(name: [.long, .customLong("r")], help: "The rank of each random basis, or of LoRA's matrices.")
  var rank = 32

  @Option(
    name: [.long, .customLong("randlora-alpha"), .customLong("lora-alpha")],
    help: "The update is scaled by alpha / rank. Without it: 20 times the rank, for LoRA 2 times.")
  var alpha: Double?

  @Option(
    name: [.long, .customLong("randlora-dropout"), .customLong("lora-dropout")],
    help: "How likely an input of the adapter is dropped in training.")
  var dropout = 0.05

  @Option(
    name: [.long, .customLong("randlora-target-modules"), .customLong("lora-target-modules")],
    help: """
      The linear layers to adapt: names with commas between them, a regular expression for whole names, or \
      'all-linear', which leaves out lm_head.
      """)
  var targetModules = "k_proj,v_proj"

  @Option(
    help: "The numbers of the decoder layers to adapt, from 0, with commas between them. Without it: all.")
  var layersToTransform: String?

  @Option(
    help: "What the list of decoder layers is called in the modules' names, with --layers-to-transform; commas between several.")
  var layersPattern: String?

  @Option(
    help: """
      Which biases are trained too: none, all, or those of the adapted layers (lora_only, randlora_only).
      """)
  var bias = "none"

  @Option(
    help: """
      Modules to train in full, such as embed_tokens, lm_head or norm: the ends of their names, with commas between them. \
      Checkpoints hold whole copies of them.
      """)
  var modulesToSave: String?

  @Flag(help: "Make a LoRA adapter.")
  var useLora = false

  @Flag(help: "Scale LoRA's update by alpha / sqrt(rank).")
  var useRslora = false

  @Flag(help: "Use sparse random bases: two thirds of their values are zero.")
  var sparse = false

  @Flag(help: "Use very sparse random bases: one in the square root of their width is not zero.")
  var verySparse = false

  @Option(help: "The seed of RandLoRA's random bases.")
  var projectionPRNGKey = 0

  @Option(help: "The seed of LoRA's first values, and what checkpoints record as the seed.")
  var seed = 0

  @Option(
    help: "A directory with adapter_config.json and adapter_model.safetensors to start from.",
    completion: .directory)
  var fromAdapter: String?

  mutating func resolve() throws {
    if fromAdapter != nil {
      let given = try changedOptions().filter { !["base", "seed", "from-adapter"].contains($0) }
      guard given.isEmpty else {
        throw Failure(
          .usage, "--\(given[0]) cannot go with --from-adapter, which takes it from the adapter",
          hint: "leave out --\(given.joined(separator: ", --"))")
      }
    } else {
      alpha = alpha ?? Double(rank) * (useLora ? 2 : 20)
      _ = try configuration()
    }
    guard (0...(1 << 53) - 1).contains(seed) else {
      throw Failure(.usage, "the seed \(seed) is out of range (0 to \((1 << 53) - 1))")
    }
  }

  func execute(_ stage: Stage) throws {
    let base = try BaseModel(try stage.input("base"))
    let model = base.configuration
    let (modules, tensors) = (model.adaptableModules, model.trainableTensors)
    if let fromAdapter { try checkFiles(of: fromAdapter) }
    let adapter =
      try fromAdapter.map { try Adapter(directory: $0, modules: modules, tensors: tensors) }
      ?? Adapter(
        configuration: configuration(), modules: modules, tensors: tensors, weights: base.weights(), seed: seed)
    if let fromAdapter { try adapter.checkFrozenCopies(directory: fromAdapter, against: base.weights()) }
    let checkpoint = CheckpointArtifact(
      state: TrainingState(adapter: adapter), base: base.artifact.digest, dataset: nil, recipe: [:],
      seed: seed)
    let writer = try stage.writer()
    try stage.publish(writer, section: try checkpoint.write(into: writer)) { directory throws(Failure) in
      _ = try Adapter(directory: directory, modules: modules, tensors: tensors)
    }
    stage.console.table(summary(of: adapter, model))
    let bytes = BasesShape(modules: adapter.layout.modules, rank: adapter.layout.rank).bytesB
    if adapter.configuration.method == .randlora, bytes.used < bytes.all {
      stage.console.warn(
        "the targets differ in shape: PEFT keeps \(NumberText.bytes(bytes.all)) of random bases for them, of which "
          + "\(NumberText.bytes(bytes.used)) are ever used; only these are kept here, exports hold all")
    }
  }

  /// Says what a directory is that holds no adapter as it is read here.
  private func checkFiles(of directory: String) throws(Failure) {
    func has(_ file: String) -> Bool { Files.exists(directory + "/" + file) }
    guard Files.isDirectory(directory) else {
      throw Failure(.missingInput, "there is no directory '\(directory)'", hint: "fetch an adapter of the Hub first")
    }
    guard has(Adapter.configurationFile) else {
      let inner = try Files.names(in: directory).first { has($0 + "/" + Adapter.configurationFile) }
      throw Failure(
        .missingInput, "'\(directory)' holds no adapter: it has no \(Adapter.configurationFile)",
        hint: inner.map { "an adapter lies in '\(directory)/\($0)'" } ?? "give the directory that PEFT's save_pretrained wrote")
    }
    guard has(Adapter.weightsFile) else {
      throw Failure(
        .missingInput, "'\(directory)' has no \(Adapter.weightsFile)",
        hint: has("adapter_model.bin") ? "save the adapter as safetensors, which PEFT does by default" : "the adapter is not whole")
    }
    try Artifact.checkFiles(in: directory)
  }

  private func configuration() throws(Failure) -> AdapterConfiguration {
    guard !(sparse && verySparse) else {
      throw Failure(.usage, "--sparse and --very-sparse exclude each other", hint: "choose one")
    }
    let method: AdapterMethod = useLora ? .lora : .randlora
    guard let biases = TrainedBiases.allCases.first(where: { $0.peftName(method) == bias }) else {
      let known = TrainedBiases.allCases.map { $0.peftName(method) }.joined(separator: ", ")
      throw Failure(.usage, "--bias: '\(bias)' is not known", hint: "write one of \(known)")
    }
    return try AdapterConfiguration(
      method: method, rank: rank, alpha: alpha ?? 0, dropout: dropout,
      targetModules: TargetModules(argument: targetModules), layersToTransform: layers(),
      layersPattern: Self.names(layersPattern),
      projectionPRNGKey: projectionPRNGKey, sparsity: verySparse ? .verySparse : sparse ? .sparse : .dense,
      useRSLoRA: useRslora, bias: biases, modulesToSave: Self.names(modulesToSave))
  }

  /// The names in a list with commas.
  private static func names(_ list: String?) -> [String] {
    (list ?? "").split(separator: ",").map { $0.filter { $0 != " " } }
  }

  private func layers() throws(Failure) -> [Int]? {
    guard let layersToTransform else { return nil }
    return try layersToTransform.split(separator: ",").map { text throws(Failure) in
      guard let layer = Int(text.filter { $0 != " " }), layer >= 0 else {
        throw Failure(
          .usage, "--layers-to-transform: '\(text)' is no number of a layer",
          hint: "write numbers with commas between them")
      }
      return layer
    }
  }

  private func summary(of adapter: Adapter, _ model: ModelConfiguration) -> TextTable {
    let configuration = adapter.configuration
    let all = model.parameterCount + adapter.layout.count
    let share = NumberText.fixed(100 * Double(adapter.layout.count) / Double(all), decimals: 3)
    var table = TextTable(.text("adapter"), .text(configuration.method == .lora ? "LoRA" : "RandLoRA"))
    table.add("rank", "\(configuration.rank)")
    table.add(
      "scaling", "\(NumberText.plain(configuration.scaling)) (alpha \(NumberText.plain(configuration.alpha)))"
    )
    table.add("adapted layers", NumberText.count(adapter.layout.modules.count))
    if !adapter.layout.trained.isEmpty {
      table.add("tensors trained in full", NumberText.count(adapter.layout.trained.count))
    }
    table.add(
      "trainable parameters",
      "\(NumberText.count(adapter.layout.count)), \(share) % of \(NumberText.count(all))")
    if configuration.method == .randlora {
      let rank = adapter.layout.equalLoRARank
      let count = NumberText.count(adapter.layout.loraCount(rank: rank))
      table.add("LoRA of equal size", "rank \(rank), \(count) parameters")
    }
    return table
  }
}

import Adapters
import ArgumentParser
import CLinux
import Checkpoint
import Failures
import FoundationEssentials
import JSON
import StageSupport
import Tensor
import Training
import Transformer

/// Times the optimiser step itself on random weights of a known model's shapes.
struct StepBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step", abstract: "Time training steps on random weights of a known model's shapes.")

  @OptionGroup var options: RandomModelOptions
  @Flag(help: "LoRA instead of RandLoRA.") var useLora = false
  @Flag(help: "Sparse random bases.") var sparse = false
  @Flag(help: "Very sparse random bases.") var verySparse = false
  @Option(help: "The adapter's rank.") var rank = 32
  @Option(help: "The adapter's dropout.") var dropout = 0.0
  @Option(help: "Names with commas between them, or all-linear.") var targetModules = "k_proj,v_proj"
  @Option(help: "Modules to train in full too, with commas between them.") var modulesToSave = ""
  @Option(help: "Tokens a row.") var cutoffLen = 512
  @Option(help: "A file with one row length a line, to measure rows of real data.") var lengths: String?
  @Option(help: "Rows a batch.") var batchSize = 1
  @Option(help: "Batches a step.") var gradientAccumulationSteps = 1
  @Option(help: "The most memory to use, mapped weights included: 4GB, 800MB.") var memory: String?
  @Option(help: "Steps to time, after one that is not.") var steps = 3
  @OptionGroup var computing: ComputeOptions

  func run() throws {
    Parallel.threads = try computing.threadCount()
    try options.withModel { model in try report(measure(model)) }
  }

  private func measure(_ model: RandomModel) throws -> StepResult {
    let window = batchSize * gradientAccumulationSteps
    let rowLengths = try self.rowLengths(count: window * (steps + 1))
    let adapter = try Adapter(
      configuration: adapterConfiguration(), modules: model.configuration.adaptableModules,
      tensors: model.configuration.trainableTensors, weights: model.weights(), seed: 0)
    Tensor.releaseFreedMemory()  // what was needed until here is not the step's
    malloc_trim(0)
    let watch = PeakMemory()
    let decoder = try DecoderModel(model.configuration, weights: model.weights())
    let rows = try model.rows(lengths: rowLengths)
    let plan = try MemoryPlan(
      model: decoder, adapter: adapter, rows: rows, recipe: recipe, steps: 0..<steps + 1, threads: Parallel.threads,
      limit: memory.flatMap(ShardPlan.bytes))
    let trainer = Trainer(
      model: decoder, rows: rows, state: TrainingState(adapter: adapter), recipe: recipe,
      recomputedLayers: plan.recomputedLayers)
    _ = try trainer.step()
    var timed: [TimedStep] = []
    let operations = try WorkTimes.collect {
      var before = try MultiplicationRate(threads: Parallel.threads, in: model.directory)
      for _ in 0..<steps {
        let start = Console.monotonicSeconds(), processorStart = RunEnvironment.processorSeconds
        _ = try trainer.step()
        let seconds = Console.monotonicSeconds() - start, processorSeconds = RunEnvironment.processorSeconds - processorStart
        let after = try MultiplicationRate(threads: Parallel.threads, in: model.directory)
        timed.append(
          TimedStep(seconds: seconds, processorSeconds: processorSeconds, sgemm: MultiplicationRate(before, after)))
        before = after
      }
    }
    let timedLengths = Array(rowLengths.dropFirst(window))
    let cost = StepCost(
      model.configuration, layout: adapter.layout, configuration: adapter.configuration, lengths: timedLengths, steps: steps)
    let peak = watch.finish()
    return StepResult(
      cost: cost, steps: timed, operations: operations, tokens: timedLengths.reduce(0, +), plan: plan,
      peakPrivateBytes: peak.private, peakResidentBytes: peak.resident)
  }

  private func rowLengths(count: Int) throws -> [Int] {
    guard let lengths else { return Array(repeating: cutoffLen, count: count) }
    let all = try String(contentsOfFile: lengths, encoding: .utf8).split(separator: "\n").compactMap { Int($0) }
    guard !all.isEmpty, all.allSatisfy({ $0 > 1 }) else {
      throw Failure(.badData, "\(lengths): expected one length above 1 a line")
    }
    return (0..<count).map { min(all[$0 % all.count], cutoffLen) }
  }

  private func adapterConfiguration() throws(Failure) -> AdapterConfiguration {
    try AdapterConfiguration(
      method: useLora ? .lora : .randlora, rank: rank, alpha: Double(rank) * (useLora ? 2 : 20), dropout: dropout,
      targetModules: TargetModules(argument: targetModules),
      sparsity: verySparse ? .verySparse : sparse ? .sparse : .dense,
      modulesToSave: modulesToSave.split(separator: ",").map(String.init))
  }

  private var recipe: TrainingRecipe {
    TrainingRecipe(
      learningRate: 1e-4, schedule: .constant,
      horizon: LearningRateSchedule.Horizon(totalSteps: steps + 1, warmupSteps: 0, decaySteps: 0),
      optimizer: AdamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01), maxGradientNorm: 1,
      batchSize: batchSize, gradientAccumulationSteps: gradientAccumulationSteps, seed: 0, shuffle: false)
  }

  private func report(_ result: StepResult) {
    var settings: JSONObject = [
      "method": .string(useLora ? "lora" : "randlora"),
      "sparsity": .string(verySparse ? "very_sparse" : sparse ? "sparse" : "dense"), "rank": .integer(rank),
      "dropout": .number(dropout), "target_modules": .string(targetModules), "modules_to_save": .string(modulesToSave),
      "cutoff_len": .integer(cutoffLen),
      "batch_size": .integer(batchSize), "gradient_accumulation_steps": .integer(gradientAccumulationSteps),
      "threads": .integer(Parallel.threads),
    ]
    if lengths != nil { settings["lengths"] = .bool(true) }
    Console.standard(quiet: false).table(result.table)
    Console.printResult(JSON.object(["settings": .object(options.settings(with: settings)), "result": .object(result.json)]).text())
  }
}

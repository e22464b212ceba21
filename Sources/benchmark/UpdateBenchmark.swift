import Adapters
import ArgumentParser
import Checkpoint
import Failures
import JSON
import StageSupport
import Tensor

/// Times what RandLoRA does once an optimiser step besides the step itself, with each kind of random bases.
struct UpdateBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update",
    abstract: "Time forming RandLoRA's weight updates and projecting their gradients, by the sparsity of the bases.")

  @Option(help: "The model: \(ModelShape.allCases.map(\.rawValue).joined(separator: ", ")).")
  var shape = ModelShape.smolLM2_135M
  @Option(help: "The adapter's rank.") var rank = 32
  @Option(help: "Names with commas between them, or all-linear.") var targetModules = "all-linear"
  @Option(help: "How often each is timed; medians count.") var rounds = 3
  @OptionGroup var computing: ComputeOptions

  func run() throws {
    Parallel.threads = try computing.threadCount()
    guard rounds > 0 else { throw Failure(.usage, "--rounds must be at least 1") }
    let modules = try shape.configuration().linearModules
    var table = TextTable(.text("bases"), .number("form, s"), .number("project, s"), .number("dense / this"))
    var results = JSONObject()
    var dense: Double?
    for (name, sparsity) in [("dense", BasesSparsity.dense), ("sparse", .sparse), ("very_sparse", .verySparse)] {
      let configuration = try AdapterConfiguration(
        method: .randlora, rank: rank, alpha: Double(20 * rank), dropout: 0,
        targetModules: TargetModules(argument: targetModules), sparsity: sparsity)
      let adapter = try Adapter(configuration: configuration, modules: modules, seed: 0)
      let (form, project) = time(adapter)
      let ratio = (dense ?? form + project) / (form + project)
      dense = dense ?? form + project
      table.add(name, NumberText.short(form), NumberText.short(project), NumberText.fixed(ratio, decimals: 2))
      results[name] = .object([
        "form_seconds": .number(form), "project_seconds": .number(project), "dense_over_this": .number(ratio),
      ])
    }
    Console.standard(quiet: false).table(table)
    let settings: JSONObject = [
      "shape": .string(shape.rawValue), "rank": .integer(rank), "target_modules": .string(targetModules),
      "threads": .integer(Parallel.threads),
    ]
    Console.printResult(JSON.object(["settings": .object(settings), "result": .object(results)]).text())
  }

  /// Median seconds of forming all updates, and of projecting all their gradients.
  private func time(_ adapter: Adapter) -> (form: Double, project: Double) {
    let active = ActiveAdapter(adapter, plan: .delta, training: true)
    var (form, project): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      let start = Console.monotonicSeconds()
      active.refresh()
      let middle = Console.monotonicSeconds()
      _ = active.finishGradient()
      form.append(middle - start)
      project.append(Console.monotonicSeconds() - middle)
    }
    return (form.sorted()[rounds / 2], project.sorted()[rounds / 2])
  }
}

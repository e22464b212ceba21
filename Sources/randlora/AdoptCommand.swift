import ArgumentParser
import Artifacts
import Failures
import Pipeline
import StageSupport

struct AdoptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adopt", abstract: "Take an artifact that is there already as the result of a stage.",
    discussion: """
      For a result that was made by hand, or before there was a pipeline. The artifact is copied into the store and \
      recorded under everything that the stage would be made from now; what it says of itself (its base, its dataset, its \
      step) must agree with that. Nobody can check the rest: 'randlora check-determinism' does, by running the stage.
      """)

  @OptionGroup var options: PipelineOptions
  @Argument(help: "The stage.")
  var stage: String
  @Argument(help: "The artifact's directory.", completion: .directory)
  var artifact: String

  func run() async throws {
    let pipeline = try options.pipeline()
    let selection = try pipeline.selection([stage])
    guard let name = selection.last?.name, selection.filter({ $0.name == stage || $0.family == stage }).count == 1 else {
      throw Failure(.usage, "'\(stage)' stands for several stages", hint: "give one with its coordinates, as 'randlora status' shows them")
    }
    var runOptions = RunOptions()
    let adopted = try Artifact.open(artifact, verify: .always)
    runOptions.adoption = RunOptions.Adoption(of: adopted, as: name)
    let display = RunDisplay(json: false, quiet: true, dryRun: false)
    let build = Build(
      store: try options.store(pipeline), processes: LocalProcesses(siblings: SiblingProgram.directory),
      options: runOptions, report: display.show)
    let summary = try await build.run(selection)
    if summary.exitCode != 0 { throw ExitCode(summary.exitCode) }
    let known = summary.outputs.first { $0.name == name }?.digest
    guard known == adopted.digest else {
      throw Failure(
        .outputExists, "the result of '\(name)' is known already, and it is another: \(known?.hex.prefix(12) ?? "none")",
        hint: "compare them with 'randlora diff'")
    }
    Console.printResult("\(name) is now \(adopted.digest)")
  }
}

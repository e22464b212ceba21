import ArgumentParser
import Failures
import Pipeline
import StageSupport

struct CheckDeterminismCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-determinism", abstract: "Run stages a second time and compare the results.",
    discussion: """
      First brings the stages up to date, then runs them again and compares every result, of a training each segment, \
      with the one that is known, which stays. Exits with 65 when anything differs.
      """)

  @OptionGroup var options: PipelineOptions
  @Argument(help: "The stages.")
  var stages: [String]
  @Flag(help: "Print what happens as JSON lines on standard output.")
  var json = false

  func run() async throws {
    let pipeline = try options.pipeline()
    let selection = try pipeline.selection(stages)
    let store = try options.store(pipeline)
    var second = RunOptions()
    (second.cores, second.compares, second.forced) = (RunEnvironment.usableProcessors, true, Set(stages))
    var first = RunOptions()
    first.cores = second.cores
    let log = EventLog()
    for runOptions in [first, second] {
      let display = RunDisplay(json: json, quiet: false, dryRun: false)
      let build = Build(
        store: store, processes: LocalProcesses(siblings: SiblingProgram.directory), options: runOptions,
        report: { event in log.add(event); display.show(event) })
      StopSignals.listen { build.stop() }
      let summary = try await build.run(selection)
      if summary.exitCode != 0 { throw ExitCode(summary.exitCode) }
    }
    try conclude(log.comparisons)
  }

  private func conclude(_ comparisons: [Bool]) throws {
    let different = comparisons.filter { !$0 }.count
    guard different == 0 else {
      throw Failure(.badData, "\(different) of \(comparisons.count) results differ from those of the first run")
    }
    if !json { Console.printResult("all \(comparisons.count) results are the same") }
  }
}

extension EventLog {
  fileprivate var comparisons: [Bool] {
    all.compactMap { event in
      if case .compared(_, _, let same) = event { same } else { nil }
    }
  }
}

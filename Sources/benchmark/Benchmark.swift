import ArgumentParser
import Failures
import Glibc
import StageSupport

/// Measures speed and memory. Every subcommand prints a table for people on standard error and one JSON object on
/// standard output, with what it is to be compared with measured in the same run.
@main struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Measure speed and memory: a table on standard error, JSON on standard output.",
    discussion: "Build it in release ('swift run -c release benchmark …') and leave the machine idle.",
    subcommands: [
      StepBenchmark.self, SweepBenchmark.self, UpdateBenchmark.self, GenerateBenchmark.self, MultiplyBenchmark.self,
      TokenizeBenchmark.self, PrepareDataBenchmark.self, RunnerBenchmark.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot(CommandLineArguments.normalized(Array(CommandLine.arguments.dropFirst())))
      try command.run()
    } catch let failure as Failure {
      Console.standard(quiet: false).report(failure)
      Glibc.exit(failure.kind.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

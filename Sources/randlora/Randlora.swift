import ArgumentParser
import Failures
import Glibc
import StageSupport

/// The runner: `randlora run FILE`, and `randlora STAGE …` for the program of that name beside it.
@main struct Randlora: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "randlora",
    abstract: "Run pipelines of stages: only what is out of date, from where it was interrupted.",
    discussion: """
      A pipeline file (YAML) names stages, the programs that make them and what they read. Results are kept by \
      content beside the file (.randlora, or $RANDLORA_STORE), so nothing is done twice, wherever it comes from.

      'randlora STAGE …' runs the stage program of that name, such as 'randlora train-step --help'.
      """,
    subcommands: [
      RunCommand.self, FinetuneCommand.self, StatusCommand.self, ExplainCommand.self, GraphCommand.self, LogCommand.self,
      ShowCommand.self, DiffCommand.self, LineageCommand.self, VerifyCommand.self, GCCommand.self, PinCommand.self,
      CheckDeterminismCommand.self, AdoptCommand.self,
    ])

  static func main() async {
    signal(SIGXFSZ, SIG_IGN)  // a limit on file sizes is then an error of the write, told like a full disk
    do {
      var arguments = try CommandLineArguments.own()
      if let word = arguments.first, !word.hasPrefix("-"), word != "help", !subcommandNames.contains(word) {
        SiblingProgram(word).execute(Array(arguments.dropFirst()))
      }
      arguments = CommandLineArguments.normalized(arguments)
      if try isUpToDate(arguments) { return try Console.requireResults() }
      var command = try parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      try Console.requireResults()
    } catch let failure as Failure {
      Console.standard(quiet: false).report(failure)
      Glibc.exit(failure.kind.rawValue)
    } catch {
      // An exit code alone says that everything has been said.
      guard !(error is ExitCode), exitCode(for: error) == .validationFailure else { exit(withError: error) }
      // In the form that all programs share.
      let command = CommandLine.arguments.dropFirst().first.flatMap { subcommandNames.contains($0) ? " " + $0 : nil } ?? ""
      Console.standard(quiet: false).report(Failure(.usage, message(for: error), hint: "see 'randlora\(command) --help'"))
      Glibc.exit(Failure.Kind.usage.rawValue)
    }
  }

  /// Whether this is a run that has nothing to do. It is found out before all commands are looked through and the
  /// runtime of asynchronous code starts, which takes longer than the answer.
  private static func isUpToDate(_ arguments: [String]) throws -> Bool {
    guard arguments.first == RunCommand.configuration.commandName,
      let command = try? RunCommand.parse(Array(arguments.dropFirst()))
    else { return false }
    return try command.isUpToDate()
  }

  private static var subcommandNames: [String] {
    configuration.subcommands.compactMap { $0.configuration.commandName }
  }
}

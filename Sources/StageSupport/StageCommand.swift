package import ArgumentParser
package import Artifacts
import Failures
import Glibc
import JSON

/// A stage as a program: options → one library call → artifact.
///
///     @main struct InitAdapter: StageCommand {
///       static let stage = StageDescription(name: "init-adapter", …)
///       @OptionGroup var options: StageOptions
///       @Option(help: "The base model.") var base: String
///       mutating func execute(_ stage: Stage) throws { … }
///     }
///
/// A property named like an input's role holds its directory. The protocol's `main` reads the command line, answers
/// `--describe`, opens the inputs, returns at once when the output exists already, runs `execute`, and turns every
/// error into one sentence and an exit code.
package protocol StageCommand: ParsableCommand {
  static var stage: StageDescription { get }
  var options: StageOptions { get }

  /// Checks what the parser cannot, and fills in defaults that depend on other options, so that the run record
  /// holds the values that count.
  mutating func resolve() throws

  /// A question that is answered from the command line alone: the text to print instead of running.
  func answer() throws -> String?

  /// Does the work and publishes the output.
  mutating func execute(_ stage: Stage) throws

  /// What a person wants to see of an output that was there already.
  func summary(of artifact: Artifact) -> TextTable?
}

extension StageCommand {
  package mutating func resolve() throws {}
  package func answer() throws -> String? { nil }
  package func summary(of artifact: Artifact) -> TextTable? { nil }

  package static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: stage.name, abstract: stage.abstract, discussion: stage.discussion)
  }

  package static func main() {
    Glibc.exit(exitCode { try run(CommandLineArguments.normalized(CommandLineArguments.own())) })
  }

  /// Does the work, says what is wrong with it, and returns the program's exit code.
  private static func exitCode(_ work: () throws -> Void) -> Int32 {
    do {
      try work()
      try Console.requireResults()
      return 0
    } catch let failure as Failure {
      Console.standard(quiet: false).report(failure)
      return failure.kind.rawValue
    } catch {
      let failure = Failure(.internal, "\(error)", hint: "this is a bug in \(stage.name)")
      Console.standard(quiet: false).report(failure)
      return failure.kind.rawValue
    }
  }

  private static func run(_ arguments: [String]) throws {
    if arguments.prefix(while: { $0 != "--" }).contains("--describe") {
      return Console.printResult(try description().text())
    }
    guard var command = try parsed(arguments) else { return }
    try command.resolve()
    if command.options.check { return }
    if let answer = try command.answer() { return Console.printResult(answer) }
    Interruption.install()
    let stage = try Stage(command)
    if let artifact = try stage.currentOutput() {
      command.summary(of: artifact).map(stage.console.table)
    } else {
      try command.execute(stage)
    }
  }

  /// Nil when help or a completion script was asked for, and is printed.
  private static func parsed(_ arguments: [String]) throws -> Self? {
    do {
      return try parse(arguments)
    } catch {
      if exitCode(for: error).rawValue == 0 {
        Console.printResult(fullMessage(for: error))
        return nil
      }
      // A misspelt flag also leaves the right one missing, which is all that the parser would say.
      let names = try longNames(), help = "see '\(stage.name) --help'"
      if let flag = CommandLineArguments.unknownFlag(arguments, known: names) {
        let meant = Suggestion.nearest(to: String(flag.dropFirst(2)), among: names.sorted())
        throw Failure(.usage, "Unknown option '\(flag)'", hint: meant.map { "did you mean '--\($0)'? \(help)" } ?? help)
      }
      throw Failure(.usage, message(for: error), hint: help)
    }
  }
}

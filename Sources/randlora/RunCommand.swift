import ArgumentParser
import Artifacts
import Failures
import Glibc
import Pipeline
import StageSupport

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Bring the stages of a pipeline up to date.",
    discussion: """
      Only what is out of date runs: results are known by the content of what they are made from. Training goes on \
      from the latest state that is known. Ctrl-C lets the running stages finish their step and keep it; the same \
      command goes on from there. A second Ctrl-C stops at once.

      Exits with 0, with 75 after an interruption, with 69 where --no-wait found another runner at work, or as the \
      first stage that failed did.
      """)

  @OptionGroup var options: PipelineOptions
  @Argument(help: "Stages to make, each with what it is made from; all when none is given.")
  var stages: [String] = []

  @Option(name: [.short, .long], help: "How many stages may run at once; they share the cores.")
  var jobs: Int = 1
  @Flag(name: [.customShort("n"), .long], help: "Say what would run and why, and run nothing.")
  var dryRun = false
  @Flag(
    name: [.short, .long], help: "After a failure, go on with the stages that do not need the failed one.")
  var keepGoing = false
  @Option(parsing: .singleValue, help: "Run this stage even if its result is known; may be repeated.")
  var force: [String] = []
  @Flag(inversion: .prefixedNo, help: "Wait for another runner that is making the same; without it, exit with 69.")
  var wait = true
  @Option(help: "How known results are checked before use: memoised (by identity) or always (read in full).")
  var verify: VerificationPolicy = .memoised
  @Flag(help: "Copy the results to the upstream store as well (RANDLORA_STORE_UPSTREAM).")
  var push = false
  @Flag(help: "Print what happens as JSON lines on standard output.")
  var json = false
  @Flag(name: [.short, .long], help: "Show failures and results only.")
  var quiet = false

  func validate() throws {
    if jobs < 1 { throw ValidationError("--jobs must be at least 1") }
  }

  /// Prints the table of evaluations and writes the page.
  private func publish(_ report: RunReport, to store: Store, _ display: RunDisplay) throws(Failure) {
    guard !report.isEmpty else { return }
    let page = store.root + "/report.html"
    try AtomicFile.write(report.html, to: page)
    display.show(report, page: page)
  }

  func run() async throws {
    let pipeline = try options.pipeline()
    let selection = try pipeline.selection(stages)
    for name in force { _ = try pipeline.selection([name]) }
    var runOptions = RunOptions()
    (runOptions.jobs, runOptions.cores) = (jobs, RunEnvironment.usableProcessors)
    runOptions.memory = RunEnvironment.usableMemory
    (runOptions.keepGoing, runOptions.dryRun, runOptions.forced) = (keepGoing, dryRun, Set(force))
    (runOptions.waits, runOptions.verification, runOptions.pushes) = (wait, verify.verification, push)
    let display = RunDisplay(json: json, quiet: quiet, dryRun: dryRun)
    let store = try options.store(pipeline)
    if push, store.upstream.isEmpty {
      throw Failure(.usage, "--push: there is no upstream store", hint: "name one with RANDLORA_STORE_UPSTREAM")
    }
    let build = Build(
      store: store, processes: LocalProcesses(siblings: SiblingProgram.directory), options: runOptions,
      report: display.show)
    StopSignals.listen { build.stop() }
    let summary = try await build.run(selection)
    let report = try RunReport(title: Files.name(of: options.file), summary, in: store)
    display.end(summary, report)
    if !dryRun, !store.isReadOnly { try publish(report, to: store, display) }
    if summary.exitCode != 0 { throw ExitCode(summary.exitCode) }
  }
}

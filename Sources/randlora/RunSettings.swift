import ArgumentParser
import Artifacts
import Failures
import Pipeline
import StageSupport

/// How a pipeline is run: what `run` and `finetune` have in common.
struct RunSettings: ParsableArguments {
  @Option(name: [.short, .long], help: "How many stages may run at once; they share the cores.")
  var jobs: Int = 1
  @Flag(name: [.customShort("n"), .long], help: "Say what would run and why, and run nothing.")
  var dryRun = false
  @Flag(
    name: [.short, .long], help: "After a failure, go on with the stages that do not need the failed one.")
  var keepGoing = false
  @Flag(inversion: .prefixedNo, help: "Wait for another runner that is making the same; without it, exit with 69.")
  var wait = true
  @Option(help: "How known results are checked before use: memoised (by identity) or always (read in full).")
  var verify: VerificationPolicy = .memoised
  @Flag(help: "Copy the results to the upstream store as well (RANDLORA_STORE_UPSTREAM).")
  var push = false
  @Flag(help: "Print what happens as JSON lines on standard output (schemas/run-event.schema.json).")
  var json = false
  @Flag(name: [.short, .long], help: "Show failures and results only.")
  var quiet = false

  func validate() throws {
    if jobs < 1 { throw ValidationError("--jobs must be at least 1") }
  }

  private var options: RunOptions {
    var options = RunOptions()
    (options.jobs, options.cores) = (jobs, RunEnvironment.usableProcessors)
    options.memory = RunEnvironment.usableMemory
    (options.keepGoing, options.dryRun) = (keepGoing, dryRun)
    (options.waits, options.verification, options.pushes) = (wait, verify.verification, push)
    return options
  }

  /// Runs stages and shows what comes of them.
  ///
  /// - Parameter forced: stages that run even if their result is known.
  @discardableResult func run(
    _ stages: [StageDeclaration], of pipeline: PipelineFile, in store: Store, forced: [String] = []
  ) async throws -> RunSummary {
    if push, store.upstream.isEmpty {
      throw Failure(.usage, "--push: there is no upstream store", hint: "name one with RANDLORA_STORE_UPSTREAM")
    }
    var options = options
    options.forced = Set(forced)
    let display = RunDisplay(json: json, quiet: quiet, dryRun: dryRun)
    let build = Build(
      store: store, processes: LocalProcesses(siblings: SiblingProgram.directory), options: options,
      report: display.show)
    StopSignals.listen { build.stop() }
    let following = display.follow { build.timeLeft(spent: $0) }
    defer { following.cancel() }
    let summary = try await build.run(stages)
    try show(summary, of: pipeline.path, in: store, display)
    if summary.exitCode != 0 { throw ExitCode(summary.exitCode) }
    return summary
  }

  /// Says what came of a run.
  func show(_ summary: RunSummary, of file: String, in store: Store) throws(Failure) {
    try show(summary, of: file, in: store, RunDisplay(json: json, quiet: quiet, dryRun: dryRun))
  }

  private func show(
    _ summary: RunSummary, of file: String, in store: Store, _ display: RunDisplay
  ) throws(Failure) {
    let report = try RunReport(title: Files.name(of: file), summary, in: store)
    display.end(summary, report)
    if !dryRun, !store.isReadOnly { try publish(report, to: store, display) }
  }

  /// Prints the table of evaluations and writes the page.
  private func publish(_ report: RunReport, to store: Store, _ display: RunDisplay) throws(Failure) {
    guard !report.isEmpty else { return }
    let page = store.root + "/report.html"
    try AtomicFile.write(report.html, to: page)
    display.show(report, page: page)
  }
}

import ArgumentParser
import Pipeline

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Bring the stages of a pipeline up to date.",
    discussion: """
      Only what is out of date runs: results are known by the content of what they are made from. Training goes on \
      from the latest state that is known. Ctrl-C lets the running stages finish their step and keep it; the same \
      command goes on from there. A second Ctrl-C stops at once.

      Exits with 0, with 75 after an interruption, with 69 where --no-wait found another runner at work, with 124 \
      where a stage ran out of time, or as the first stage that failed did.
      """)

  @OptionGroup var options: PipelineOptions
  @Argument(help: "Stages to make, each with what it is made from; all when none is given.")
  var stages: [String] = []
  @Option(parsing: .singleValue, help: "Run this stage even if its result is known; may be repeated.")
  var force: [String] = []
  @OptionGroup var settings: RunSettings

  func run() async throws {
    let pipeline = try options.pipeline()
    for name in force { _ = try pipeline.selection([name]) }
    try await settings.run(
      try pipeline.selection(stages), of: pipeline, in: try options.store(pipeline), forced: force)
  }
}

import ArgumentParser
import Checkpoint
import Failures
import JSON
import StageSupport
import Tensor
import Transformer

/// Times generating text with random weights of a known model's shapes.
struct GenerateBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Time generating with random weights of a known model's shapes.")

  @OptionGroup var options: RandomModelOptions
  @Option(help: "Prompts that are continued at the same time.") var prompts = 1
  @Option(help: "Tokens of a prompt.") var promptTokens = 32
  @Option(help: "Tokens that are generated for each prompt.") var maxNewTokens = 64
  @OptionGroup var computing: ComputeOptions

  func run() throws {
    Parallel.threads = try computing.threadCount()
    guard prompts > 0, promptTokens > 0, maxNewTokens > 1 else {
      throw Failure(.usage, "--prompts and --prompt-tokens must be at least 1, and --max-new-tokens at least 2")
    }
    try options.withModel { model in try report(measure(model)) }
  }

  /// When each prompt had its first token, and all of them the last one.
  private struct Times {
    var first = 0.0, last = 0.0
  }

  private func measure(_ model: RandomModel) throws -> Times {
    let decoder = try DecoderModel(model.configuration, weights: model.weights())
    let texts = model.tokens(lengths: Array(repeating: promptTokens, count: prompts))
    // Once before, so that the files are in memory.
    _ = try decoder.generate(texts, maxNewTokens: 2, stopTokens: [], adapter: nil)
    var times = Times(), count = 0
    let start = Console.monotonicSeconds()
    _ = try decoder.generate(texts, maxNewTokens: maxNewTokens, stopTokens: [], adapter: nil) { _, _ in
      count += 1
      if count == prompts { times.first = Console.monotonicSeconds() - start }
    }
    times.last = Console.monotonicSeconds() - start
    return times
  }

  private func report(_ times: Times) {
    let perSecond = Double(prompts * (maxNewTokens - 1)) / (times.last - times.first)
    var table = TextTable(.text("measured"), .number(""))
    table.add("seconds to the first token", NumberText.short(times.first))
    table.add("tokens a second from then on", NumberText.short(perSecond))
    Console.standard(quiet: false).table(table)
    let settings: JSONObject = [
      "prompts": .integer(prompts), "prompt_tokens": .integer(promptTokens), "max_new_tokens": .integer(maxNewTokens),
      "threads": .integer(Parallel.threads),
    ]
    Console.printResult(
      JSON.object([
        "settings": .object(options.settings(with: settings)),
        "result": ["seconds_to_first_token": .number(times.first), "tokens_per_second": .number(perSecond)],
      ]).text())
  }
}

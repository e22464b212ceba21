import ArgumentParser
import DataFormats
import Datasets
import Failures
import FoundationEssentials
import JSON
import StageSupport
import Synchronization
import Tensor
import Tokenizer

extension PromptStyle: ExpressibleByArgument {}

/// Times the whole preparation of a dataset beside tokenizing the same texts, with the same threads, in the same run.
struct PrepareDataBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prepare-data", abstract: "Time preparing a data set beside tokenizing alone what is in it.",
    discussion: """
      Tokenizing alone starts from the rows' texts in memory and drops the tokens; of instructions and prompts it also \
      says where the tokens stand, as preparing needs it. Preparing reads the files, parses them, writes the prompts, \
      tokenizes, and writes the rows. Both are run in turn, and the best of each counts.
      """)

  @Option(help: "A tokenizer.json alone, or a directory with one and its tokenizer_config.json.", completion: .file())
  var tokenizer: String
  @Option(parsing: .upToNextOption, help: "Files with the data.", completion: .file()) var dataPath: [String]
  @Option(help: "Which column of the data is which field of a row, as FIELD=COLUMN.") var field: [String] = []
  @Option(help: "How an instruction becomes a prompt.") var promptStyle = PromptStyle.alpaca
  @Option(help: "What stands between the documents of a plain text.") var textSeparator: String?
  @Option(help: "How often each is run.") var repetitions = 3
  @OptionGroup var threading: ThreadOptions

  func run() throws {
    Parallel.threads = try threading.threadCount()
    let files = try DataPaths.files(dataPath)
    let tokenizer = try openTokenizer()
    let preparation = try DatasetPreparation(
      options(tokenizer), tokenizer: tokenizer, vocabularySize: tokenizer.vocabularySize)
    var texts: [Text] = []
    try preparation.forEachText(of: files) { texts.append(Text(text: $0, needsSpans: $1)) }
    var (alone, whole) = (Times(), Times())
    var tokens = 0
    for _ in 0..<max(1, repetitions) {
      alone.time { tokens = Self.tokenize(texts, tokenizer) }
      try prepare(files, preparation) { try whole.time($0) }
    }
    let memory = PeakMemory()  // in a run of its own: looking takes time
    try prepare(files, preparation)
    report(
      alone, whole, bytes: texts.reduce(0) { $0 + $1.text.utf8.count }, rows: texts.count,
      tokens: tokens, peak: memory.finish().private)
  }

  private struct Text {
    let text: String
    let needsSpans: Bool
  }

  private func openTokenizer() throws(Failure) -> Tokenizer {
    guard FileManager.default.fileExists(atPath: tokenizer + "/tokenizer.json") else {
      return try Tokenizer(tokenizerFile: tokenizer, configurationFile: nil)
    }
    let configuration = tokenizer + "/tokenizer_config.json"
    return try Tokenizer(
      tokenizerFile: tokenizer + "/tokenizer.json",
      configurationFile: FileManager.default.fileExists(atPath: configuration) ? configuration : nil)
  }

  private func options(_ tokenizer: Tokenizer) throws(Failure) -> DatasetOptions {
    var options = DatasetOptions()
    options.fields = try FieldMapping(field)
    options.promptStyle = promptStyle
    options.textSeparator = textSeparator
    options.addsEOS = tokenizer.eosID != nil
    options.validationSize = .fraction(0.01)
    return options
  }

  /// - Returns: how many tokens the texts have.
  private static func tokenize(_ texts: [Text], _ tokenizer: Tokenizer) -> Int {
    let count = Atomic<Int>(0)
    Parallel.forEachRange(of: texts.count, by: 16) { range in
      let tokens = texts[range].reduce(0) { sum, text in
        let encoding = try? tokenizer.encoding(of: text.text, addSpecialTokens: false, withSpans: text.needsSpans)
        return sum + (encoding?.ids.count ?? 0)
      }
      count.add(tokens, ordering: .relaxed)
    }
    return count.load(ordering: .relaxed)
  }

  /// - Parameter time: calls what it gets, once.
  private func prepare(
    _ files: [String], _ preparation: DatasetPreparation, _ time: (() throws -> Void) throws -> Void = { try $0() }
  ) throws {
    let directory = FileManager.default.temporaryDirectory.path + "/randlora-benchmark-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try time { _ = try preparation.run(data: files, output: { "\(directory)/\($0.rawValue)" }) }
  }

  private func report(_ alone: Times, _ whole: Times, bytes: Int, rows: Int, tokens: Int, peak: Int) {
    var table = TextTable(.text("measured"), .number(""))
    let rate = { (seconds: Double) in "\(NumberText.fixed(1e-6 * Double(bytes) / seconds, decimals: 2)) MB/s" }
    table.add("tokenizing alone", rate(alone.seconds))
    table.add("preparing", rate(whole.seconds))
    table.add("preparing / tokenizing", NumberText.fixed(whole.seconds / alone.seconds, decimals: 3))
    table.add("the same by processor time", NumberText.fixed(whole.processor / alone.processor, decimals: 3))
    Console.standard(quiet: false).table(table)
    Console.printResult(
      JSON.object([
        "settings": ["threads": .integer(Parallel.threads), "repetitions": .integer(repetitions)],
        "result": [
          "rows": .integer(rows), "text_bytes": .integer(bytes), "tokens": .integer(tokens),
          "tokenize_seconds": .number(alone.seconds), "prepare_seconds": .number(whole.seconds),
          "ratio": .number(whole.seconds / alone.seconds),
          "processor_ratio": .number(whole.processor / alone.processor),
          "peak_private_bytes": .integer(peak),
        ],
      ]).text())
  }
}

/// The least time that something took in several repetitions, by the clock and by the processor.
private struct Times {
  private(set) var (seconds, processor) = (Double.infinity, Double.infinity)

  mutating func time(_ body: () throws -> Void) rethrows {
    let (start, processorStart) = (Console.monotonicSeconds(), RunEnvironment.processorSeconds)
    try body()
    seconds = min(seconds, Console.monotonicSeconds() - start)
    processor = min(processor, RunEnvironment.processorSeconds - processorStart)
  }
}

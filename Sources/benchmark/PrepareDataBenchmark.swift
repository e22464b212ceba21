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

/// Times the whole preparation of a dataset beside tokenizing the same texts, with the same threads, in the same run.
struct PrepareDataBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prepare-data", abstract: "Time preparing a data set beside tokenizing alone what is in it.",
    discussion: """
      Tokenizing alone starts from texts in memory and drops the tokens; preparing reads the file, parses it, tokenizes, \
      and writes the rows. Both are run in turn, and the best of each counts.
      """)

  @Option(help: "A directory with tokenizer.json and tokenizer_config.json.", completion: .directory)
  var tokenizer: String
  @Option(parsing: .upToNextOption, help: "Files with rows of 'text'.", completion: .file()) var dataPath: [String]
  @Option(help: "What stands between the documents of a plain text.") var textSeparator: String?
  @Option(help: "How often each is run.") var repetitions = 3
  @OptionGroup var threading: ThreadOptions

  func run() throws {
    Parallel.threads = try threading.threadCount()
    let files = try DataPaths.files(dataPath)
    let tokenizer = try Tokenizer(
      tokenizerFile: self.tokenizer + "/tokenizer.json", configurationFile: self.tokenizer + "/tokenizer_config.json")
    let texts = try texts(files)
    var (alone, whole): ([Double], [Double]) = ([], [])
    var tokens = 0
    let memory = PeakMemory()
    for _ in 0..<max(1, repetitions) {
      alone.append(seconds { tokens = Self.tokenize(texts, tokenizer) })
      whole.append(try seconds { try prepare(files, tokenizer) })
    }
    report(
      alone: alone.min() ?? 0, whole: whole.min() ?? 0, bytes: texts.reduce(0) { $0 + $1.utf8.count }, rows: texts.count,
      tokens: tokens, peak: memory.finish())
  }

  private func texts(_ files: [String]) throws(Failure) -> [String] {
    var texts: [String] = []
    for file in files {
      try DataFile(file).forEachMember { member throws(Failure) in
        try member.forEachRow(.init(textSeparator: textSeparator, columns: ["text"])) { row throws(Failure) in
          switch try row.parsed() {
          case .text(let text): texts.append(text)
          case .object(let cursor): texts.append(try cursor.field("text").string())
          }
        }
      }
    }
    return texts
  }

  /// - Returns: how many tokens the texts have.
  private static func tokenize(_ texts: [String], _ tokenizer: Tokenizer) -> Int {
    let count = Atomic<Int>(0)
    Parallel.forEachRange(of: texts.count, by: 16) { range in
      let tokens = texts[range].reduce(0) { $0 + ((try? tokenizer.encode($1, addSpecialTokens: false).count) ?? 0) }
      count.add(tokens, ordering: .relaxed)
    }
    return count.load(ordering: .relaxed)
  }

  private func prepare(_ files: [String], _ tokenizer: Tokenizer) throws {
    let directory = FileManager.default.temporaryDirectory.path + "/randlora-benchmark-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = DatasetOptions()
    options.textSeparator = textSeparator
    options.addsEOS = tokenizer.eosID != nil
    options.validationSize = .fraction(0.01)
    let preparation = try DatasetPreparation(options, tokenizer: tokenizer, vocabularySize: tokenizer.vocabularySize)
    _ = try preparation.run(data: files, output: { "\(directory)/\($0.rawValue)" })
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = Console.monotonicSeconds()
    try body()
    return Console.monotonicSeconds() - start
  }

  private func report(alone: Double, whole: Double, bytes: Int, rows: Int, tokens: Int, peak: Int) {
    var table = TextTable(.text("measured"), .number(""))
    let rate = { (seconds: Double) in "\(NumberText.fixed(1e-6 * Double(bytes) / seconds, decimals: 2)) MB/s" }
    table.add("tokenizing alone", rate(alone))
    table.add("preparing", rate(whole))
    table.add("preparing / tokenizing", NumberText.fixed(whole / alone, decimals: 3))
    Console.standard(quiet: false).table(table)
    Console.printResult(
      JSON.object([
        "settings": ["threads": .integer(Parallel.threads), "repetitions": .integer(repetitions)],
        "result": [
          "rows": .integer(rows), "text_bytes": .integer(bytes), "tokens": .integer(tokens),
          "tokenize_seconds": .number(alone), "prepare_seconds": .number(whole), "ratio": .number(whole / alone),
          "peak_private_bytes": .integer(peak),
        ],
      ]).text())
  }
}

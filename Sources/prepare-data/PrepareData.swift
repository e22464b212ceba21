import ArgumentParser
import Artifacts
import Checkpoint
import DataFormats
import Datasets
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor

extension PromptStyle: ExpressibleByArgument, ParameterValue {}
extension Truncation: ExpressibleByArgument, ParameterValue {}

@main struct PrepareData: StageCommand {
  static let stage = StageDescription(
    name: "prepare-data", revision: 6, inputs: [.required("base", .base)], output: .dataset,
    parameters: [
      .result("data-path", .path), .result("val-data-path", .path), .result("field"), .result("prompt-style"),
      .result("prompt-template", .path), .result("cutoff-len"), .result("truncation"), .result("split-long-texts"),
      .result("deduplicate"), .result("min-supervised-tokens"), .result("val-set-size"), .result("seed"),
      .result("train-on-inputs"), .result("add-eos"), .result("text-separator"), .result("chat-template", .path),
      .result("system-prompt"), .result("mask-history"), .result("template-date"), .never("preview"), .never("threads"),
    ],
    abstract: "Turn text into rows of tokens for training and validation.",
    discussion: """
      Data is JSON Lines, a JSON array, CSV or TSV with a header, Parquet or plain text; each may be compressed (gzip, \
      zstd, xz, bzip2) or packed in a zip or tar, which is told by the content. Rows have a 'text'; an 'instruction', \
      'input' and 'output'; a 'prompt' and a 'completion', taken word for word; 'input_ids' and perhaps 'labels' and an \
      'attention_mask'; or they are conversations: 'messages' as OpenAI has them, 'prompt' and 'completion' that are \
      lists of such messages, as TRL has them, or ShareGPT's 'conversations', perhaps with 'tools' and 'system', which \
      the model's chat template writes. --field says where the data calls them otherwise. Each other row \
      begins with one BOS where the tokenizer has one, and a complete one ends with EOS; of instructions, prompts and conversations only the answers are learned.

      Of several files, or in an archive, names decide: 'validation', 'valid', 'val' or 'dev' holds validation rows, \
      'test', 'tests' or 'eval' test rows, anything else is trained on. Otherwise validation rows come from \
      --val-data-path or are taken from the data by seed and content: with a share, no row ever changes sides when others \
      are added.

      The dataset has no fixed order and no padding: training shuffles by its own seed and packs the rows of a batch one \
      after another, each seeing only itself.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var threading: ThreadOptions

  @Option(help: "The base whose tokenizer is used.", completion: .directory)
  var base: String

  @Option(
    parsing: .upToNextOption, help: "Files with the data, directories of them, or patterns such as 'data/*.jsonl'.",
    completion: .file())
  var dataPath: [String]

  @Option(
    parsing: .upToNextOption, help: "Files, directories or patterns with validation rows.", completion: .file())
  var valDataPath: [String] = []

  @Option(
    help: """
      Which column of the data is which field of a row, as FIELD=COLUMN; give it once for each: \
      --field instruction=question --field output=answer.
      """)
  var field: [String] = []

  @Option(
    help: """
      How an instruction becomes a prompt: 'alpaca' with its preamble, 'plain', the headings alone, 'chatml' or 'llama3' \
      with their special tokens.
      """)
  var promptStyle = PromptStyle.alpaca

  @Option(
    help: """
      A file with a prompt of your own in place of a style: text with {instruction} and {input} in it, or JSON with \
      'prompt_input' and 'prompt_no_input'.
      """, completion: .file())
  var promptTemplate: String?

  @Option(help: "The most tokens of a row.")
  var cutoffLen = 512

  @Option(help: "What is done with longer rows: 'cut' them, 'drop' them, or end with an 'error'.")
  var truncation = Truncation.cut

  @Flag(help: "Make several rows of a 'text' that is too long, instead.")
  var splitLongTexts = false

  @Flag(help: "Leave out rows whose fields are all the same as those of an earlier row.")
  var deduplicate = false

  @Option(help: "Leave out rows with fewer tokens to learn.")
  var minSupervisedTokens = 1

  @Option(help: "How many rows of the data become validation rows; below 1 it is a share of them.")
  var valSetSize = 0.0

  @Option(help: "Chooses the validation rows.")
  var seed = 0

  @Flag(help: "Learn the prompts too, not only the answers.")
  var trainOnInputs = false

  @Flag(inversion: .prefixedNo, help: "End complete rows with the end-of-text token, and learn it.")
  var addEOS = true

  @OptionGroup var chat: ChatArguments

  @Option(help: "What stands between the documents of a plain text. Without it the text is one document.")
  var textSeparator: String?

  @Option(help: "Show so many training rows with their tokens: what is learned in colour, or between ⟦ and ⟧.")
  var preview = 0

  /// Directories and patterns count as the files that they stand for.
  mutating func resolve() throws {
    guard promptTemplate == nil || promptStyle == .alpaca else {
      throw Failure(.usage, "--prompt-style and --prompt-template exclude one another", hint: "choose one")
    }
    _ = try datasetOptions()
    guard preview >= 0 else { throw Failure(.usage, "--preview must be a number of rows, found \(preview)") }
    if options.check { return }
    dataPath = try DataPaths.files(dataPath)
    valDataPath = try DataPaths.files(valDataPath)
  }

  func execute(_ stage: Stage) throws {
    Parallel.threads = try threading.threadCount()
    let base = try BaseModel(try stage.input("base"))
    let recipe = try datasetOptions()
    let tokenizer = base.hasTokenizer ? try base.tokenizer() : nil
    let preparation = try DatasetPreparation(
      recipe, tokenizer: tokenizer, templates: base.chatTemplates(), stopTokens: base.stopTokens(tokenizer),
      vocabularySize: base.configuration.vocabularySize)
    let sources = try (dataPath + valDataPath).map { try DataSource($0) }
    let writer = try stage.writer()
    let bar = stage.console.progress("reading", total: sources.reduce(0) { $0 + $1.bytes }, unit: "byte")
    let summary = try preparation.run(
      data: dataPath, validation: valDataPath,
      output: { split throws(Failure) in try writer.path(for: DatasetArtifact.file(of: split.rawValue)) },
      previewCount: preview
    ) { progress throws(Failure) in
      try Interruption.check()
      bar.update(progress.bytes)
    }
    bar.finish()
    for source in sources { try source.checkUnchanged() }
    let section = try DatasetArtifact.section(summary, options: recipe, base: base, sources: sources)
    try stage.publish(writer, section: section) { directory throws(Failure) in
      for split in DatasetSplit.allCases {
        let file = directory + "/" + DatasetArtifact.file(of: split.rawValue)
        _ = try TokenRows(file, vocabularySize: base.configuration.vocabularySize)
      }
    }
    show(summary, on: stage.console, contextLength: base.configuration.contextLength)
  }

  private func datasetOptions() throws(Failure) -> DatasetOptions {
    var options = DatasetOptions()
    options.fields = try FieldMapping(field)
    options.promptStyle = promptStyle
    options.promptTemplate = try promptTemplate.map { file throws(Failure) in try PromptTemplate(file: file) }
    options.cutoffLength = cutoffLen
    options.truncation = truncation
    options.splitsLongTexts = splitLongTexts
    options.dropsDuplicates = deduplicate
    options.minimumSupervisedTokens = minSupervisedTokens
    options.trainsOnInputs = trainOnInputs
    options.addsEOS = addEOS
    options.textSeparator = textSeparator
    options.chat = try chat.options
    options.seed = seed
    options.validationSize = try validationSize()
    return options
  }

  private func validationSize() throws(Failure) -> DatasetOptions.ValidationSize {
    if valSetSize > 0, valSetSize < 1 { return .fraction(valSetSize) }
    if let rows = Int(exactly: valSetSize), rows >= 0 { return .rows(rows) }
    throw Failure(
      .usage, "--val-set-size must be a number of rows or a share of them below 1, found \(valSetSize)")
  }
}

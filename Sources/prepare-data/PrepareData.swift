import ArgumentParser
import Artifacts
import Checkpoint
import Datasets
import Failures
import JSON
import ModelArtifacts
import StageSupport

extension PromptStyle: ExpressibleByArgument, ParameterValue {}

@main struct PrepareData: StageCommand {
  static let stage = StageDescription(
    name: "prepare-data", revision: 2, inputs: [.required("base", .base)], output: .dataset,
    parameters: [
      .result("data-path", .path), .result("val-data-path", .path), .result("prompt-style"),
      .result("cutoff-len"), .result("val-set-size"), .result("seed"), .result("train-on-inputs"),
      .result("add-eos"), .result("text-separator"), .result("chat-template", .path), .result("system-prompt"), .result("mask-history"),
      .result("template-date"), .never("preview"),
    ],
    abstract: "Turn text into rows of tokens for training and validation.",
    discussion: """
      Data is JSON Lines, a JSON array or plain text. Rows have a 'text', or an 'instruction', 'input' and 'output', or \
      'input_ids' and perhaps 'labels'; or they are conversations: 'messages' as OpenAI has them, or ShareGPT's \
      'conversations', perhaps with 'tools' and 'system', which the model's chat template writes. Each other row begins with one BOS where the tokenizer has one, and a complete one \
      ends with EOS; of instructions and conversations only the answers are learned. Validation rows come from a file of their own or are \
      taken from the data by seed.
      """)

  @OptionGroup var options: StageOptions

  @Option(help: "The base whose tokenizer is used.", completion: .directory)
  var base: String

  @Option(help: "The file with the data.", completion: .file())
  var dataPath: String

  @Option(help: "A file with validation rows.", completion: .file())
  var valDataPath: String?

  @Option(
    help: "How an instruction becomes a prompt: 'alpaca' with its preamble, or 'plain', the headings alone.")
  var promptStyle = PromptStyle.alpaca

  @Option(help: "The most tokens of a row; longer ones are cut.")
  var cutoffLen = 512

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

  @Option(help: "Show so many training rows, with what is learned between ⟦ and ⟧.")
  var preview = 0

  func execute(_ stage: Stage) throws {
    let base = try BaseModel(try stage.input("base"))
    let recipe = try datasetOptions()
    let preparation = try DatasetPreparation(
      recipe, tokenizer: base.hasTokenizer ? base.tokenizer() : nil, templates: base.chatTemplates(),
      vocabularySize: base.configuration.vocabularySize)
    let sources = try ([dataPath] + (valDataPath.map { [$0] } ?? [])).map { try DataSource($0) }
    let writer = try stage.writer()
    let bar = stage.console.progress("reading", total: sources.reduce(0) { $0 + $1.bytes }, unit: "byte")
    let summary = try preparation.run(
      dataPath: dataPath, validationPath: valDataPath,
      trainFile: writer.path(for: DatasetArtifact.file(of: "train")),
      validationFile: writer.path(for: DatasetArtifact.file(of: "validation")), previewCount: preview
    ) { progress throws(Failure) in
      try Interruption.check()
      bar.update(progress.bytes)
    }
    bar.finish()
    for source in sources { try source.checkUnchanged() }
    let section = try DatasetArtifact.section(summary, options: recipe, base: base, sources: sources)
    try stage.publish(writer, section: section) { directory throws(Failure) in
      for split in ["train", "validation"] {
        let file = directory + "/" + DatasetArtifact.file(of: split)
        _ = try TokenRows(file, vocabularySize: base.configuration.vocabularySize)
      }
    }
    show(summary, on: stage.console, contextLength: base.configuration.contextLength)
  }

  private func datasetOptions() throws(Failure) -> DatasetOptions {
    var options = DatasetOptions()
    options.promptStyle = promptStyle
    options.cutoffLength = cutoffLen
    options.trainsOnInputs = trainOnInputs
    options.addsEOS = addEOS
    options.textSeparator = textSeparator
    options.chat = try chat.options
    options.seed = seed
    if valSetSize > 0, valSetSize < 1 {
      options.validationSize = .fraction(valSetSize)
    } else if let rows = Int(exactly: valSetSize), rows >= 0 {
      options.validationSize = .rows(rows)
    } else {
      throw Failure(
        .usage, "--val-set-size must be a number of rows or a share of them below 1, found \(valSetSize)")
    }
    return options
  }
}

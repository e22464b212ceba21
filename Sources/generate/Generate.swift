import ArgumentParser
import Artifacts
import ChatTemplates
import Checkpoint
import Datasets
import Failures
import JSON
import ModelArtifacts
import StageSupport
import Tensor
import Tokenizer
import Training
import Transformer

extension PromptStyle: ExpressibleByArgument, ParameterValue {}
extension CivilTime: ExpressibleByArgument, ParameterValue {}

/// Continues a prompt, token by token, on standard output.
@main struct Generate: StageCommand {
  static let stage = StageDescription(
    name: "generate", revision: 6,
    inputs: [.required("base", .base), .optional("checkpoint", .checkpoint), .optional("dataset", .dataset)],
    output: nil,
    parameters: [
      .result("prompt"), .result("input"), .result("prompt-style"), .result("prompt-template", .path),
      .result("chat"), .result("chat-template", .path), .result("system-prompt"), .result("template-date"),
      .result("max-new-tokens"), .result("temperature"), .result("top-p"), .result("seed"), .never("device"), .never("threads"),
    ],
    abstract: "Generate text from a prompt with a base model and, if given, an adapter.",
    discussion: """
      Ask in the form that the model was trained in: with --dataset that of the data set's rows, whatever it is. With \
      --chat the prompt is the first message of a conversation, written with the model's chat template. With \
      --prompt-style or --prompt-template it is taken as an instruction and wrapped as prepare-data wraps it; without any \
      of these it is continued as it stands. Greedy unless --temperature is above 0.
      """)

  @OptionGroup var options: StageOptions
  @OptionGroup var computing: ComputeOptions
  @Option(help: "The base model.", completion: .directory)
  var base: String?
  @Option(help: "The checkpoint whose adapter is at work.", completion: .directory)
  var checkpoint: String?
  @Option(help: "The dataset in whose rows' form the prompt is written.", completion: .directory)
  var dataset: String?
  @Option(help: "What to continue, the instruction to follow, or what is said first.")
  var prompt: String = ""
  @Option(help: "The instruction's input, with --dataset, --prompt-style or --prompt-template.")
  var input: String = ""
  @Option(help: "How an instruction is wrapped: alpaca, plain, chatml or llama3.")
  var promptStyle: PromptStyle?
  @Option(
    help: "A file with the prompt of your own that prepare-data was given, in place of a style.", completion: .file())
  var promptTemplate: String?
  @Flag(help: "Take the prompt as the first message of a conversation, as the model's chat template writes it.")
  var chat = false
  @Option(
    help: "A Jinja file that writes conversations, in place of the base's own chat template, with --chat.",
    completion: .file())
  var chatTemplate: String?
  @Option(help: "The system message of the conversation, with --chat or --dataset.")
  var systemPrompt: String?
  @Option(help: "The day, as 2025-07-31, for chat templates that write it.")
  var templateDate: CivilTime?
  @Option(help: "The most tokens to generate.")
  var maxNewTokens = 128
  @Option(help: "0 takes the likeliest token each time; larger values vary more.")
  var temperature: Double = 0
  @Option(help: "Only the likeliest tokens that together have this probability take part.")
  var topP: Double = 1
  @Option(help: "Decides the random choices.")
  var seed = 0

  mutating func resolve() throws {
    guard !prompt.isEmpty else { throw Failure(.usage, "--prompt is missing or empty") }
    guard input.isEmpty || promptStyle != nil || promptTemplate != nil || dataset != nil else {
      throw Failure(
        .usage, "--input goes with --dataset, --prompt-style or --prompt-template",
        hint: chat ? "leave --input out, or --chat" : "add --prompt-style plain or alpaca")
    }
    guard [chat, promptStyle != nil, promptTemplate != nil, dataset != nil].count(where: { $0 }) <= 1 else {
      throw Failure(.usage, "--chat, --prompt-style, --prompt-template and --dataset exclude one another")
    }
    guard chat || chatTemplate == nil && templateDate == nil else {
      throw Failure(
        .usage, "--chat-template and --template-date go with --chat",
        hint: dataset == nil ? "add --chat" : "leave them out: the dataset has its own, or ask with --chat in place of --dataset")
    }
    guard chat || dataset != nil || systemPrompt == nil else {
      throw Failure(.usage, "--system-prompt goes with --chat or --dataset", hint: "add --chat")
    }
    guard (1...1_000_000).contains(maxNewTokens) else {
      throw Failure(.usage, "--max-new-tokens must be from 1 to 1000000, found \(maxNewTokens)")
    }
    guard temperature >= 0, temperature.isFinite else {
      throw Failure(.usage, "--temperature must be a number of at least 0")
    }
    guard topP > 0, topP <= 1 else { throw Failure(.usage, "--top-p must be above 0 and at most 1") }
    guard temperature > 0 || topP == 1 && seed == 0 else {
      throw Failure(
        .usage, "--\(topP == 1 ? "seed" : "top-p") has no effect without --temperature", hint: "leave it out, or add --temperature 0.8")
    }
    guard seed >= 0 else { throw Failure(.usage, "--seed must be at least 0") }
  }

  mutating func execute(_ stage: Stage) throws {
    Parallel.threads = try computing.threadCount()
    let base = try BaseModel(try stage.input("base"))
    try stage.require("checkpoint", names: "base", of: "base")
    let tokenizer = try base.tokenizer()
    let form = try form(stage, base, tokenizer)
    let text = try text(form, base, tokenizer)
    let ids = try form.ids(of: text, tokenizer)
    guard !ids.isEmpty, ids.count < base.configuration.contextLength else {
      throw Failure(
        .badData, "the prompt has \(ids.count) tokens, the model's context is \(base.configuration.contextLength)")
    }
    try Tokenizer.check(ids, vocabularySize: base.configuration.vocabularySize)
    let model = try base.model()
    let adapter = try stage.optionalInput("checkpoint").map { artifact in
      model.activate(
        try CheckpointArtifact.adapter(artifact, model: base.configuration),
        tokens: ids.count + maxNewTokens, training: false)
    }
    var stream = StreamingDecoder(tokenizer, skipSpecialTokens: true)
    var whole = ""
    _ = try model.generate(
      [ids], maxNewTokens: maxNewTokens, stopTokens: try base.stopTokens(tokenizer), adapter: adapter,
      sampling: Sampling(temperature: temperature, topP: topP, seed: UInt64(seed))
    ) { _, id throws(Failure) in
      try Interruption.check()
      let piece = stream.append(id)
      whole += piece
      if !options.json { try Console.printPart(piece) }
    }
    let rest = stream.finish()
    whole += rest
    if options.json {
      stage.printResult(["prompt": .string(text), "generated": .string(whole)])
    } else {
      Console.printResult(rest + "\n")
    }
  }

  /// The form in which the model is asked.
  private func form(_ stage: Stage, _ base: BaseModel, _ tokenizer: Tokenizer) throws(Failure) -> PromptForm {
    if let dataset = stage.optionalInput("dataset") {
      return try form(of: DatasetArtifact.promptForm(dataset, for: base))
    }
    if chat {
      var options = ChatOptions()
      if let chatTemplate { try options.readTemplate(file: chatTemplate) }
      (options.systemPrompt, options.date) = (systemPrompt, templateDate)
      return .conversation(options)
    }
    if let promptTemplate { return .instruction(try PromptTemplate(file: promptTemplate)) }
    try promptStyle?.check(tokenizer)
    return promptStyle.map { .instruction($0.template) } ?? .text
  }

  /// A dataset's form with what this command says besides.
  private func form(of rows: PromptForm) throws(Failure) -> PromptForm {
    var isInstruction = false
    switch rows {
    case .text: break
    case .instruction: isInstruction = true
    case .conversation(var options):
      guard input.isEmpty else { break }
      options.systemPrompt = systemPrompt ?? options.systemPrompt
      return .conversation(options)
    }
    guard input.isEmpty || isInstruction else {
      throw Failure(.usage, "--input is for instructions, which the rows of --dataset are not", hint: "leave it out")
    }
    guard systemPrompt == nil else {
      throw Failure(
        .usage, "--system-prompt is for conversations, which the rows of --dataset are not", hint: "leave it out")
    }
    return rows
  }

  /// What the model continues.
  private func text(_ form: PromptForm, _ base: BaseModel, _ tokenizer: Tokenizer) throws(Failure) -> String {
    switch form {
    case .text: return prompt
    case .instruction(let template): return try template.prompt(instruction: prompt, input: input)
    case .conversation(let options):
      guard let encoder = try options.encoder(base.chatTemplates(), tokenizer: tokenizer) else {
        throw Failure(
          .missingInput, "the base '\(base.artifact.directory)' has no chat template",
          hint: "give one with --chat-template, or put the model's chat_template.jinja or tokenizer_config.json beside "
            + "its weights and import it again")
      }
      return try encoder.prompt(Conversation(messages: [["role": "user", "content": .string(prompt)]]))
    }
  }
}

import ChatTemplates
package import Failures
package import JSON
package import Tokenizer

/// The form in which a model is asked: best that of the rows that it learned.
package enum PromptForm: Sendable {
  /// A text that is continued as it stands.
  case text
  /// An instruction, and perhaps its input, in a template.
  case instruction(PromptTemplate)
  /// The first message of a conversation.
  case conversation(ChatOptions)

  /// The form of a dataset's rows.
  /// - Parameter section: of the dataset's manifest.
  /// - Throws: `Failure.badData` when they came as token ids, which have none, or when the manifest is wrong.
  package init(_ section: JSONCursor) throws(Failure) {
    guard let form = try section.optional("row_form") else {
      throw section.failure("the dataset does not say what its rows are", hint: "prepare the data again")
    }
    let recipe = try section.field("recipe")
    switch RowForm(rawValue: try form.string()) {
    case .text, .prompt: self = .text
    case .instruction: self = .instruction(try Self.template(recipe))
    case .conversation: self = .conversation(try ChatOptions(recipe))
    case .tokens:
      throw form.failure(
        "the rows came as token ids, which do not tell the form of a prompt",
        hint: "leave --dataset out; say the form, if any, with --prompt-style, --prompt-template or --chat")
    case nil: throw form.failure("unknown rows '\(try form.string())'")
    }
  }

  /// The ids of a prompt in this form, which begin as rows do: with one BOS, which a chat template writes itself.
  package func ids(of prompt: String, _ tokenizer: Tokenizer) throws(Failure) -> [Int32] {
    let ids = try tokenizer.encode(prompt, addSpecialTokens: false)
    if case .conversation = self { return ids }
    return ids.starts(with: tokenizer.prefixIDs) ? ids : tokenizer.prefixIDs + ids
  }

  private static func template(_ recipe: JSONCursor) throws(Failure) -> PromptTemplate {
    guard let name = try recipe.optional("prompt_style") else {
      return try PromptTemplate(recipe.field("prompt_template"))
    }
    guard let style = PromptStyle(rawValue: try name.string()) else {
      throw name.failure("unknown style '\(try name.string())'")
    }
    return style.template
  }
}

extension PromptTemplate {
  /// A template as the manifest records it.
  fileprivate init(_ recorded: JSONCursor) throws(Failure) {
    self.init(
      withInput: try recorded.field("with_input").string(), withoutInput: try recorded.field("without_input").string())
  }
}

extension ChatOptions {
  /// The options as the manifest records them.
  fileprivate init(_ recipe: JSONCursor) throws(Failure) {
    self.init()
    if let text = try recipe.optional("chat_template") {
      template = (Array(try text.string().utf8), "the dataset's chat template")
    }
    systemPrompt = try recipe.optional("system_prompt")?.string()
    if let day = try recipe.optional("template_date") {
      guard let date = CivilTime(rawValue: try day.string()) else { throw day.failure("expected a day") }
      self.date = date
    }
  }
}

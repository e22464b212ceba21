import ChatTemplates
package import Failures
package import JSON

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
    let form = try section.field("row_form"), recipe = try section.field("recipe")
    switch RowForm(rawValue: try form.string()) {
    case .text, .prompt: self = .text
    case .instruction: self = .instruction(try Self.template(recipe))
    case .conversation: self = .conversation(try ChatOptions(recipe))
    case .tokens:
      throw form.failure(
        "the rows came as token ids, which do not tell the form of a prompt",
        hint: "ask with --prompt-style, --prompt-template or --chat")
    case nil: throw form.failure("unknown rows '\(try form.string())'")
    }
  }

  package var isConversation: Bool { if case .conversation = self { true } else { false } }

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
    masksHistory = try recipe.field("mask_history").bool()
    if let day = try recipe.optional("template_date") {
      guard let date = CivilTime(rawValue: try day.string()) else { throw day.failure("expected a day") }
      self.date = date
    }
  }
}

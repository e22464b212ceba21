package import Failures
package import JSON

/// A chat template: the Jinja program with which a model's makers turn a conversation into the model's text.
///
/// It renders what `apply_chat_template` of transformers renders. It comes with the model, from strangers, so it can
/// neither reach anything but the conversation nor run without end (`TemplateLimits`).
package struct ChatTemplate: Sendable {
  /// What a conversation is rendered with.
  package struct Context: Sendable {
    /// The texts of special tokens under their names in tokenizer_config.json: `bos_token` and the like.
    package var specialTokens: [String: String] = [:]
    /// What the template takes for today, when it asks.
    package var date: CivilTime?
    /// Whether the text ends with the beginning of an answer.
    package var addsGenerationPrompt = false
    /// How much work rendering may be before it counts as endless.
    package var steps = TemplateLimits.steps

    package init() {}
  }

  package struct Rendered: Sendable, Equatable {
    package let text: String
    /// The bytes of the text that the template marks as the model's own, with `{% generation %}`.
    package let generations: [Range<Int>]
  }

  package let source: String
  private let statements: [TemplateStatement]
  /// Where the template stands, as errors name it.
  package let name: String
  /// Whether the template marks what the model is to learn.
  package let marksGenerations: Bool

  /// - Parameters:
  ///   - source: the template's text.
  ///   - name: its file, and the field when it is part of one.
  /// - Throws: `Failure.badData` naming the line at which the template is wrong or asks for what is not supported.
  package init(_ source: String, name: String) throws(Failure) {
    self.source = source
    self.name = name
    do throws(TemplateError) {
      guard source.utf8.count <= TemplateLimits.sourceSize else {
        throw TemplateError("the template has more than \(TemplateLimits.sourceSize) bytes")
      }
      statements = try TemplateParser.parse(source)
    } catch {
      throw Self.failure(error, name)
    }
    marksGenerations = statements.contains(where: \.holdsGeneration)
  }

  /// The text of a conversation.
  ///
  /// - Parameters:
  ///   - messages: objects with `role`, `content` and whatever else the template knows.
  ///   - tools: the functions that the model may call, as JSON schemas.
  /// - Throws: `Failure.badData` naming the template's line at which it fails, or what the template itself refuses.
  package func render(
    _ messages: [JSON], tools: JSON? = nil, _ context: Context = Context()
  ) throws(Failure) -> Rendered {
    var variables = context.specialTokens.mapValues { TemplateValue.string($0) }
    variables["messages"] = .list(messages.map { TemplateValue(Self.normalized($0)) })
    variables["tools"] = tools.map { TemplateValue($0) } ?? .null
    variables["documents"] = .null
    variables["add_generation_prompt"] = .bool(context.addsGenerationPrompt)
    do throws(TemplateError) {
      let (text, generations) = try Rendering.run(
        statements, variables: variables, date: context.date, steps: context.steps)
      return Rendered(text: String(decoding: text, as: UTF8.self), generations: generations)
    } catch {
      throw Self.failure(error, name)
    }
  }

  private static func failure(_ error: TemplateError, _ name: String) -> Failure {
    let asksForDate = error.message.contains("'strftime_now' is undefined")
    return Failure(
      .badData, "\(name):\(error.line ?? 1): \(error.message)",
      hint: asksForDate
        ? "the template writes the day into its text; say which with --template-date" : error.hint)
  }

  /// The names under which a message's reasoning comes; templates read the first.
  private static let reasoningFields = ["reasoning_content", "thinking", "reasoning"]

  /// A message as transformers hands it to templates: without members that are null, its reasoning under the name
  /// that templates read.
  private static func normalized(_ message: JSON) -> JSON {
    guard case .object(let object) = message else { return message }
    var result = JSONObject()
    let reasoning = reasoningFields.lazy.compactMap { object[$0] }.first { !$0.isNull }
    if let reasoning { result["thinking"] = reasoning }
    for (key, value) in object.members where !value.isNull { result[key] = value }
    if let reasoning { result["reasoning_content"] = reasoning }
    return .object(result)
  }
}

extension TemplateStatement {
  /// Whether the statement is, or holds, a generation block.
  fileprivate var holdsGeneration: Bool {
    let bodies: [[TemplateStatement]] =
      switch kind {
      case .condition(let branches, let otherwise): branches.map(\.body) + [otherwise]
      case .loop(let loop): [loop.body, loop.otherwise]
      case .macro(let macro): [macro.body]
      case .call(_, _, let caller): [caller.body]
      case .setBlock(_, _, let body), .filterBlock(_, let body), .with(_, let body): [body]
      default: []
      }
    if case .generation = kind { return true }
    return bodies.contains { $0.contains(where: \.holdsGeneration) }
  }
}

package import ChatTemplates
package import Failures
import JSON
package import Tokenizer

/// How conversations become text, and what of them is learned.
package struct ChatOptions: Sendable {
  /// A template in place of the base's own: the content of a file, and its name.
  package var template: (bytes: [UInt8], name: String)?
  /// What stands in front of conversations without a system message.
  package var systemPrompt: String?
  /// Whether only the last answer of a conversation is learned.
  package var masksHistory = false
  /// The day for templates that ask for it.
  package var date: CivilTime?

  package init() {}

  /// - Parameter templates: the base's own.
  /// - Returns: nil when there is no template.
  /// - Throws: `Failure.badData` for a template that is wrong, `Failure.usage` for a system prompt that is empty.
  package func encoder(_ templates: TemplateSet?, tokenizer: Tokenizer) throws(Failure) -> ChatEncoder? {
    if let systemPrompt, systemPrompt.utf8.isEmpty { throw Failure(.usage, "the system prompt is empty") }
    var templates = templates
    if let template { templates = try TemplateSet(template.bytes, name: template.name) }
    return templates.map {
      ChatEncoder(
        $0, tokenizer: tokenizer, date: date, systemPrompt: systemPrompt, masksHistory: masksHistory)
    }
  }

  /// The flags of those that were given.
  var flags: [String] {
    [
      template == nil ? nil : "--chat-template", systemPrompt == nil ? nil : "--system-prompt",
      masksHistory ? "--mask-history" : nil, date == nil ? nil : "--template-date",
    ].compactMap { $0 }
  }

  /// The options as the manifest records them; a template by its text.
  var recipe: JSONObject {
    [
      "chat_template": template.map { .string(String(decoding: $0.bytes, as: UTF8.self)) } ?? .null,
      "system_prompt": systemPrompt.map { .string($0) } ?? .null, "mask_history": .bool(masksHistory),
      "template_date": date.map { .string($0.rawValue) } ?? .null,
    ]
  }
}

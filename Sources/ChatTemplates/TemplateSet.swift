package import Failures
package import JSON

/// The chat templates of a model: one for most conversations and, with some models, another for those with tools.
package struct TemplateSet: Sendable {
  private let standard: ChatTemplate
  private let toolUse: ChatTemplate?

  package init(_ source: String, name: String) throws(Failure) {
    standard = try ChatTemplate(source, name: name)
    toolUse = nil
  }

  /// A template from the content of a file of its own (chat_template.jinja).
  ///
  /// - Throws: `Failure.badData` also when it is not UTF-8.
  package init(_ bytes: [UInt8], name: String) throws(Failure) {
    guard let source = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.badData, "\(name): the chat template is not valid UTF-8")
    }
    try self.init(source, name: name)
  }

  /// The templates in a tokenizer_config.json: a text as `chat_template`, or a list of named ones.
  ///
  /// - Returns: nil when the file has none.
  /// - Throws: `Failure.badData` naming the template and its line.
  package init?(configuration: JSONCursor) throws(Failure) {
    guard let field = try configuration.optional("chat_template") else { return nil }
    guard case .array = field.value else {
      self.standard = try Self.template(field)
      self.toolUse = nil
      return
    }
    var named: [String: ChatTemplate] = [:]
    for element in try field.elements() {
      named[try element.field("name").string()] = try Self.template(try element.field("template"))
    }
    guard let standard = named["default"] ?? named["tool_use"] else {
      throw field.failure("there is neither a template named 'default' nor one named 'tool_use'")
    }
    (self.standard, toolUse) = (standard, named["tool_use"])
  }

  private static func template(_ field: JSONCursor) throws(Failure) -> ChatTemplate {
    try ChatTemplate(try field.string(), name: "\(field.document.source): \(field.path.pointer)")
  }

  /// The template for conversations with or without tools.
  package func template(hasTools: Bool) -> ChatTemplate { hasTools ? toolUse ?? standard : standard }
}

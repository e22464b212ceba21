import Failures
package import JSON

/// A conversation as chat templates take it: messages, and the tools that the model may call.
package struct Conversation: Sendable {
  /// Objects with `role`, `content` and what else templates know (`tool_calls`, `name`, `reasoning_content`).
  package private(set) var messages: [JSON]
  package let tools: JSON?
  /// How many messages, the first, are the prompt: none of them is learned.
  private(set) var given: Int

  package init(messages: [JSON], tools: JSON? = nil, given: Int = 0) {
    (self.messages, self.tools, self.given) = (messages, tools, given)
  }

  /// Reads OpenAI's `messages`, or ShareGPT's `conversations`.
  ///
  /// - Parameters:
  ///   - turns: the list of messages: with `role` and `content`, or with `from` and `value`.
  ///   - tools: a list of tools, or a text that holds one.
  ///   - system: a system prompt beside the list.
  /// - Throws: `Failure.badData` naming the message and field that is wrong.
  init(turns: JSONCursor, tools: JSONCursor?, system: JSONCursor?) throws(Failure) {
    self.init(messages: try Self.messages(turns), tools: try Self.tools(tools))
    if let system { prepend(system: try system.string()) }
  }

  /// Reads TRL's conversational `prompt` and `completion`: two lists of messages, of which the second is learned.
  ///
  /// - Throws: `Failure.badData` naming the message and field that is wrong.
  init(prompt: JSONCursor, completion: JSONCursor, tools: JSONCursor?, system: JSONCursor?) throws(Failure) {
    let given = try Self.messages(prompt)
    self.init(messages: given + (try Self.messages(completion)), tools: try Self.tools(tools), given: given.count)
    if let system { prepend(system: try system.string()) }
  }

  /// Puts a system message in front where there is none.
  mutating func prepend(system: String) {
    guard !system.utf8.isEmpty, messages.first?["role"]?.stringValue != "system" else { return }
    messages.insert(["role": "system", "content": .string(system)], at: 0)
    if given > 0 { given += 1 }
  }

  /// The positions of the model's messages that are to be learned: not those of the prompt, nor those that say so.
  var answers: [Int] {
    messages.indices.filter {
      $0 >= given && messages[$0]["role"]?.stringValue == "assistant" && !Self.isLeftOut(messages[$0])
    }
  }

  /// Whether a message says that it is not to be learned: OpenAI's `weight`, Axolotl's `train`.
  static func isLeftOut(_ message: JSON) -> Bool { message["weight"] == 0 || message["train"]?.boolValue == false }
}

// MARK: - Reading

extension Conversation {
  /// ShareGPT's names of who speaks, and those of the messages that they are.
  private static let speakers = [
    "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant", "assistant": "assistant",
    "model": "assistant", "function_call": "assistant", "system": "system", "tool": "tool",
    "observation": "tool", "function_response": "tool",
  ]

  static let listHint = "give lists as lists, in JSON Lines or Parquet, and not as texts that hold them"

  /// Whether a text is a list of messages in JSON, as tables come to hold them.
  static func isWritten(in text: String) -> Bool {
    guard text.utf8.first == UInt8(ascii: "["), let list = try? JSONDocument(text, source: "").root.arrayValue else { return false }
    return list.first?["role"]?.stringValue != nil && list.first?["content"] != nil
  }

  private static func messages(_ turns: JSONCursor) throws(Failure) -> [JSON] {
    if turns.value.stringValue != nil { throw turns.failure("expected a list of messages, found a text", hint: listHint) }
    var messages: [JSON] = []
    for turn in try turns.elements() { messages.append(try message(turn)) }
    guard !messages.isEmpty else { throw turns.failure("the list has no messages") }
    return messages
  }

  private static func message(_ turn: JSONCursor) throws(Failure) -> JSON {
    guard case .object(var message) = turn.value else { throw turn.failure("expected a message (an object)") }
    if message["role"] == nil, message["from"] != nil {
      let from = try turn.field("from")
      guard let role = speakers[try from.string()] else {
        throw from.failure(
          "'\(try from.string())' is nobody who speaks in a conversation",
          hint: "known: \(speakers.keys.sorted().joined(separator: ", "))")
      }
      var plain: JSONObject = ["role": .string(role), "content": .string(try turn.field("value").string())]
      for mark in ["weight", "train"] { if let value = message[mark] { plain[mark] = value } }
      return .object(plain)
    }
    _ = try turn.field("role").string()
    try checkContent(turn)
    if let calls = try turn.optional("tool_calls") { message["tool_calls"] = .array(try Self.calls(calls)) }
    return .object(message)
  }

  /// A text, a list of parts that are texts, or nothing where the model only calls tools.
  private static func checkContent(_ turn: JSONCursor) throws(Failure) {
    guard let content = try turn.optional("content") else {
      if try turn.optional("tool_calls") != nil { return }
      throw turn.failure("the message has no content")
    }
    guard case .array = content.value else {
      _ = try content.string()
      return
    }
    for part in try content.elements() {
      let type = try part.field("type")
      guard try type.string() == "text" else {
        throw type.failure("a part of the kind '\(try type.string())' is not supported", hint: "only text is")
      }
      _ = try part.field("text").string()
    }
  }

  /// Calls with their arguments as an object, which templates expect; OpenAI's interface writes them as a text.
  private static func calls(_ field: JSONCursor) throws(Failure) -> [JSON] {
    var calls: [JSON] = []
    for element in try field.elements() {
      guard case .object(var call) = element.value else {
        throw element.failure("expected a call (an object)")
      }
      if case .object(var function)? = call["function"], let text = function["arguments"]?.stringValue,
        let arguments = try? JSONDocument(text, source: "").root, arguments.objectValue != nil
      {
        function["arguments"] = arguments
        call["function"] = .object(function)
      }
      calls.append(.object(call))
    }
    return calls
  }

  private static func tools(_ field: JSONCursor?) throws(Failure) -> JSON? {
    guard let field else { return nil }
    var tools = field.value
    if let text = field.value.stringValue {
      guard !text.utf8.isEmpty else { return nil }
      guard let parsed = try? JSONDocument(text, source: "").root else {
        throw field.failure("expected a list of tools, found a text that is no JSON")
      }
      tools = parsed
    }
    guard let list = tools.arrayValue else { throw field.failure("expected a list of tools") }
    return list.isEmpty ? nil : tools
  }
}

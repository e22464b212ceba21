package import ChatTemplates
package import Failures
import JSON
package import Tokenizer

/// Turns conversations into text by a chat template, and says which of it the model is to learn.
///
/// The answers are found by where they stand in the text: the template marks them (`{% generation %}`), or the text of
/// the conversation up to an answer, and up to its end, is rendered too and must be how the whole begins.
package struct ChatEncoder: Sendable {
  private let templates: TemplateSet
  private let context: ChatTemplate.Context
  /// What stands in front of conversations without a system message.
  private let systemPrompt: String?
  /// Whether only the last answer is learned.
  private let masksHistory: Bool

  package init(
    _ templates: TemplateSet, tokenizer: Tokenizer, date: CivilTime? = nil, systemPrompt: String? = nil,
    masksHistory: Bool = false
  ) {
    var context = ChatTemplate.Context()
    context.specialTokens = tokenizer.configuration.specialTokens
    context.date = date
    (self.templates, self.context) = (templates, context)
    (self.systemPrompt, self.masksHistory) = (systemPrompt, masksHistory)
  }

  /// A conversation's text, and the bytes of it that are answers.
  package struct Text: Sendable {
    package let text: String
    let answers: [Range<Int>]
    /// Whether the template itself marks the answers; it then knows best where they end.
    let isMarkedByTemplate: Bool
    /// Whether the conversation ends with an answer.
    let endsWithAnswer: Bool
    /// Whether the template writes what users and systems say, and the tools.
    let isComplete: Bool
  }

  /// The text with which the model is asked for the next answer.
  package func prompt(_ conversation: Conversation) throws(Failure) -> String {
    try render(completed(conversation), prompt: true).text
  }

  /// The whole conversation as the model will see it.
  /// - Parameter findsAnswers: whether to look for what is learned of it.
  package func text(of conversation: Conversation, findsAnswers: Bool = true) throws(Failure) -> Text {
    let conversation = completed(conversation)
    let whole = try render(conversation)
    try checkParts(conversation, whole.text)
    let template = templates.template(hasTools: conversation.tools != nil)
    let answers =
      !findsAnswers
      ? []
      : template.marksGenerations
        ? try marked(conversation, whole) : try found(conversation, Array(whole.text.utf8))
    return Text(
      text: whole.text, answers: answers, isMarkedByTemplate: template.marksGenerations,
      endsWithAnswer: conversation.answers.last == conversation.messages.count - 1,
      isComplete: Self.isWritten(conversation, in: whole.text))
  }

  private func completed(_ conversation: Conversation) -> Conversation {
    var conversation = conversation
    if let systemPrompt { conversation.prepend(system: systemPrompt) }
    return conversation
  }

  private func render(_ conversation: Conversation, prompt: Bool = false) throws(Failure)
    -> ChatTemplate.Rendered
  {
    var context = context
    context.addsGenerationPrompt = prompt
    return try templates.template(hasTools: conversation.tools != nil)
      .render(conversation.messages, tools: conversation.tools, context)
  }

  /// Whether a text has what users and systems say, and the names of the tools, if there are any. The other messages may be
  /// written otherwise than they are given.
  private static func isWritten(_ conversation: Conversation, in text: String) -> Bool {
    let names = (conversation.tools?.arrayValue ?? []).compactMap { ($0["function"] ?? $0)["name"]?.stringValue }
    let said = conversation.messages.filter { ["system", "user"].contains($0["role"]?.stringValue) }.flatMap { message in
      let content = message["content"]
      return content?.stringValue.map { [$0] } ?? (content?.arrayValue ?? []).compactMap { $0["text"]?.stringValue }
    }
    let utf8 = Array(text.utf8)
    return (names + said).allSatisfy { part in
      let words = part.split(whereSeparator: \.isWhitespace)
      guard let first = words.first, let last = words.last else { return true }
      return !utf8.places(of: Array(part[first.startIndex..<last.endIndex].utf8)).isEmpty
    }
  }

  /// A template that knows no parts writes them as Python would show the list, which no model should learn.
  private func checkParts(_ conversation: Conversation, _ text: String) throws(Failure) {
    guard conversation.messages.contains(where: { $0["content"]?.arrayValue != nil }),
      text.contains("{'type': 'text'")
    else { return }
    throw Failure(
      .badData, "the chat template does not understand content in parts",
      hint: "give each message's content as one text")
  }
}

// MARK: - Finding the answers

extension ChatEncoder {
  private func marked(
    _ conversation: Conversation, _ whole: ChatTemplate.Rendered
  ) throws(Failure) -> [Range<Int>] {
    let first = masksHistory ? conversation.answers.last ?? conversation.given : conversation.given
    guard !conversation.messages[first...].contains(where: Conversation.isLeftOut) else {
      throw Failure(
        .badData, "a message is not to be learned ('weight' or 'train'), but the chat template marks every answer",
        hint: "give a template without {% generation %} (--chat-template)")
    }
    guard first > 0 else { return whole.generations }
    let earlier = try render(conversation.prefix(first)).generations.count
    return Array(whole.generations.dropFirst(earlier))
  }

  private func found(_ conversation: Conversation, _ whole: [UInt8]) throws(Failure) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    for answer in masksHistory ? conversation.answers.suffix(1) : conversation.answers {
      let start = Array(try render(conversation.prefix(answer), prompt: true).text.utf8)
      guard whole.starts(with: start) else { throw unclear(answer, of: conversation) }
      ranges.append(start.count..<(try end(of: answer, from: start.count, conversation, whole)))
    }
    return ranges
  }

  private func end(
    of answer: Int, from start: Int, _ conversation: Conversation, _ whole: [UInt8]
  ) throws(Failure) -> Int {
    guard answer + 1 < conversation.messages.count else { return whole.count }
    let text = Array(try render(conversation.prefix(answer + 1)).text.utf8)
    if text.count >= start, whole.starts(with: text) { return text.count }
    // Some templates end every text with EOS, and only there.
    let eos = Array((context.specialTokens["eos_token"] ?? "").utf8)
    let shorter = text.dropLast(eos.count)
    if text.suffix(eos.count).elementsEqual(eos), shorter.count >= start, whole.starts(with: shorter) {
      return shorter.count
    }
    guard let end = try endBeforeNext(answer, conversation, whole), end >= start else {
      throw unclear(answer, of: conversation)
    }
    return end
  }

  /// The end of an answer that its template writes otherwise when it is the last (Qwen 3 keeps its reasoning then):
  /// where the text of the message after it begins, which is what that message adds to the text before the answer.
  private func endBeforeNext(
    _ answer: Int, _ conversation: Conversation, _ whole: [UInt8]
  ) throws(Failure) -> Int? {
    let withNext = Array(try render(conversation.prefix(answer + 2)).text.utf8)
    let before = Array(try render(conversation.prefix(answer)).text.utf8)
    let nextAlone = Array(try render(conversation.prefix(answer + 2, without: answer)).text.utf8)
    guard whole.starts(with: withNext), nextAlone.starts(with: before) else { return nil }
    let next = nextAlone.dropFirst(before.count)
    return withNext.suffix(next.count).elementsEqual(next) ? withNext.count - next.count : nil
  }

  private func unclear(_ answer: Int, of conversation: Conversation) -> Failure {
    if answer + 1 == conversation.messages.count {
      return Failure(
        .badData,
        "where the answer in message \(answer + 1) begins cannot be told: the text with which the chat template asks for it is "
          + "not how the template then writes it",
        hint: "give a template that marks answers with {% generation %} (--chat-template)")
    }
    return Failure(
      .badData,
      "where the answer in message \(answer + 1) stands cannot be told: the chat template writes the conversation "
        + "up to there in another way when it goes on",
      hint:
        "give a template that marks answers with {% generation %} (--chat-template)"
        + (masksHistory ? "" : ", or learn only the last answer (--mask-history)"))
  }
}

extension Conversation {
  /// The first messages.
  fileprivate func prefix(_ count: Int, without left: Int? = nil) -> Conversation {
    Conversation(
      messages: messages.indices.prefix(count).filter { $0 != left }.map { messages[$0] }, tools: tools)
  }
}

// MARK: - Tokens

extension ChatEncoder.Text {
  /// Which tokens are targets: those that lie in an answer, up to the special token that ends it.
  ///
  /// - Returns: also whether a token lies partly in an answer; it is no target.
  package func targets(_ encoding: Encoding, _ tokenizer: Tokenizer) -> (supervised: [Bool], straddles: Bool)
  {
    var supervised = encoding.ids.map { _ in false }
    var straddles = false
    var index = 0
    for answer in answers {
      while index < encoding.spans.count, encoding.spans[index].upperBound <= answer.lowerBound { index += 1 }
      let first = index
      while index < encoding.spans.count, encoding.spans[index].lowerBound < answer.upperBound {
        let span = encoding.spans[index]
        let isInside = answer.lowerBound <= span.lowerBound && span.upperBound <= answer.upperBound
        supervised[index] = isInside
        if !isInside { straddles = true }
        index += 1
      }
      if !isMarkedByTemplate { dropSpace(after: first..<index, &supervised, encoding, tokenizer) }
    }
    return (supervised, straddles)
  }

  /// Whether a special token ends the text, but for white space.
  func endsWithSpecialToken(_ encoding: Encoding, _ tokenizer: Tokenizer) -> Bool {
    let utf8 = Array(text.utf8)
    let last = encoding.ids.indices.last { !Self.isSpace(utf8[encoding.spans[$0]]) }
    return last.map { tokenizer.isSpecial(encoding.ids[$0]) } ?? false
  }

  private static func isSpace(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
  }

  /// White space after the special token that ends an answer belongs to the template: the model is never asked for it.
  private func dropSpace(
    after range: Range<Int>, _ supervised: inout [Bool], _ encoding: Encoding, _ tokenizer: Tokenizer
  ) {
    guard let end = range.last(where: { tokenizer.isSpecial(encoding.ids[$0]) }) else { return }
    let rest = end + 1..<range.upperBound
    let utf8 = Array(text.utf8)
    guard rest.allSatisfy({ Self.isSpace(utf8[encoding.spans[$0]]) }) else { return }
    for index in rest { supervised[index] = false }
  }
}

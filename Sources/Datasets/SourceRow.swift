import DataFormats
import Failures
import JSON

/// One row of the data, its fields read.
struct SourceRow {
  enum Content {
    /// UTF-8.
    case text([UInt8])
    case instruction(String, input: String, output: String)
    /// The prompt and what follows it, word for word.
    case completion(String, prompt: String)
    case conversation(Conversation, Kind)
    /// Token ids, and whether each is a target.
    case tokens([Int32], supervised: [Bool])
  }

  /// What a row holds. A dataset holds rows of one kind.
  enum Kind: CaseIterable {
    case text, instruction, prompt, messages, conversations, tokens
    /// A prompt and a completion that are lists of messages.
    case promptMessages

    /// The fields that such a row is made of; it has the first ones at least.
    var fields: (required: [String], optional: [String]) {
      switch self {
      case .text: (["text"], [])
      case .instruction: (["instruction", "output"], ["input"])
      case .prompt: (["prompt", "completion"], [])
      case .promptMessages: (["prompt", "completion"], ["tools", "system"])
      case .messages: (["messages"], ["tools", "system"])
      case .conversations: (["conversations"], ["tools", "system"])
      case .tokens: (["input_ids"], ["labels", "attention_mask"])
      }
    }

    var form: RowForm {
      switch self {
      case .text: .text
      case .instruction: .instruction
      case .prompt: .prompt
      case .messages, .conversations, .promptMessages: .conversation
      case .tokens: .tokens
      }
    }

    /// The field that tells such a row from others.
    var mark: String { fields.required[0] }

    /// Such a row, for people.
    var title: String { "a row with " + (self == .promptMessages ? "messages as '\(mark)'" : "'\(mark)'") }

    static let allFields: [String] = allCases.flatMap { $0.fields.required + $0.fields.optional }.reduce(into: []) {
      if !$0.contains($1) { $0.append($1) }
    }
  }

  let content: Content

  /// Whether an answer is asked for and empty.
  var isUnanswered: Bool {
    switch content {
    case .instruction(_, _, let answer), .completion(let answer, _): answer.isEmpty
    case .text, .conversation, .tokens: false
    }
  }

  var kind: Kind {
    switch content {
    case .text: .text
    case .instruction: .instruction
    case .completion: .prompt
    case .conversation(_, let kind): kind
    case .tokens: .tokens
    }
  }

  /// - Parameters:
  ///   - fields: under which names the data has the fields.
  ///   - vocabularySize: every token id must be below it.
  init(_ raw: RawRow, fields: FieldMapping, vocabularySize: Int) throws(Failure) {
    switch try raw.parsed() {
    case .text(let text): content = .text(text)
    case .object(let cursor):
      content = try Self.content(RowFields(cursor, fields), vocabularySize)
    }
  }

  /// Columns of the data that say nothing in such a row.
  static func unusedColumns(_ raw: RawRow, _ kind: Kind, fields: FieldMapping) -> [String] {
    guard case .object(let cursor)? = try? raw.parsed(), let row = try? RowFields(cursor, fields) else { return [] }
    return row.unused(by: kind)
  }

  private static func content(_ row: RowFields, _ vocabularySize: Int) throws(Failure) -> Content {
    let kind = try row.kind()
    switch kind {
    case .text: return .text(Array(try row.string("text", takesNumbers: false).utf8))
    case .instruction:
      return .instruction(
        try row.string("instruction"), input: try row.optionalString("input") ?? "",
        output: try row.string("output"))
    case .prompt:
      let (prompt, completion) = (try row.string("prompt"), try row.string("completion"))
      for (name, text) in [("prompt", prompt), ("completion", completion)] where Conversation.isWritten(in: text) {
        throw try row.field(name).failure("a list of messages is written as a text", hint: Conversation.listHint)
      }
      return .completion(completion, prompt: prompt)
    case .promptMessages:
      let (prompt, completion) = (try row.field("prompt"), try row.field("completion"))
      for field in [prompt, completion] where field.value.arrayValue == nil {
        throw field.failure(
          "expected a list of messages, found \(field.value.typeName)",
          hint: "prompt and completion are both lists of messages, or both texts")
      }
      let conversation = try Conversation(
        prompt: prompt, completion: completion, tools: row.optional("tools"), system: row.optional("system"))
      return .conversation(conversation, kind)
    case .messages, .conversations:
      let conversation = try Conversation(
        turns: row.field(kind.mark), tools: row.optional("tools"), system: row.optional("system"))
      return .conversation(conversation, kind)
    case .tokens:
      return try tokens(
        row.field("input_ids"), labels: row.optional("labels"), mask: row.optional("attention_mask"), vocabularySize)
    }
  }

  /// The label of a token that is no target.
  private static let ignored = -100

  /// What the attention mask leaves out is padding, which no row here has.
  private static func tokens(
    _ field: JSONCursor, labels: JSONCursor?, mask: JSONCursor?, _ vocabularySize: Int
  ) throws(Failure) -> Content {
    guard let values = field.value.arrayValue else { throw field.failure("expected an array of token ids") }
    var ids: [Int32] = []
    for (index, value) in values.enumerated() {
      guard let id = value.integerValue, (0..<vocabularySize).contains(id) else {
        throw try field.elements()[index].failure("expected a token id from 0 to \(vocabularySize - 1)")
      }
      ids.append(Int32(id))
    }
    let kept = try kept(mask, of: ids.count)
    guard let labels else {
      return .tokens(kept.map { ids[$0] }, supervised: kept.indices.map { $0 > 0 })
    }
    guard let values = labels.value.arrayValue, values.count == ids.count else {
      throw labels.failure("expected one label for each of the \(ids.count) input_ids")
    }
    var isTarget: [Bool] = []
    for (index, value) in values.enumerated() {
      guard let label = value.integerValue, label == ignored || label == Int(ids[index]) else {
        throw try labels.elements()[index].failure("expected \(ids[index]), as in input_ids, or \(ignored)")
      }
      isTarget.append(label != ignored)
    }
    // Nothing predicts the first token.
    return .tokens(kept.map { ids[$0] }, supervised: kept.enumerated().map { $0 > 0 && isTarget[$1] })
  }

  /// The places of the tokens that an attention mask keeps: all where there is none.
  private static func kept(_ mask: JSONCursor?, of count: Int) throws(Failure) -> [Int] {
    guard let mask else { return Array(0..<count) }
    guard let values = mask.value.arrayValue, values.count == count else {
      throw mask.failure("expected a 0 or 1 for each of the \(count) input_ids")
    }
    var kept: [Int] = []
    for (index, value) in values.enumerated() {
      guard let isKept = value.boolValue ?? (value == 1 ? true : value == 0 ? false : nil) else {
        throw try mask.elements()[index].failure("expected 0 or 1")
      }
      if isKept { kept.append(index) }
    }
    return kept
  }
}

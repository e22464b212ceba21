import Failures
import JSON

/// One row of a data file as it was read.
struct SourceRow {
  enum Content {
    case text(String)
    case instruction(String, input: String, output: String)
    case conversation(Conversation, Kind)
    /// Token ids, and whether each is a target.
    case tokens([Int32], supervised: [Bool])
  }

  /// What a row holds. A dataset holds rows of one kind.
  enum Kind: String {
    case text = "text"
    case instruction = "instruction"
    case messages = "messages"
    case conversations = "conversations"
    case tokens = "input_ids"
  }

  let content: Content
  /// Where the row stands, as errors name it: `data.jsonl:7`.
  let place: String

  var kind: Kind {
    switch content {
    case .text: .text
    case .instruction: .instruction
    case .conversation(_, let kind): kind
    case .tokens: .tokens
    }
  }

  init(text: String, place: String) {
    content = .text(text)
    self.place = place
  }

  /// Reads an object by the fields that it has: `text`; `instruction`, `input` and `output`; `messages` or
  /// `conversations`, and perhaps `tools` and `system`; or `input_ids` and `labels`. Other fields are the data's own and ignored.
  ///
  /// - Parameter vocabularySize: every token id must be below it.
  init(_ cursor: JSONCursor, place: String, vocabularySize: Int) throws(Failure) {
    self.place = place
    guard let object = cursor.value.objectValue else { throw cursor.failure("expected a row (an object)") }
    let kinds = [Kind.text, .instruction, .messages, .conversations, .tokens].filter { object[$0.rawValue] != nil }
    guard let kind = kinds.first, kinds.count == 1 else {
      let fields = kinds.isEmpty ? object.keys.map { "'\($0)'" } : kinds.map { "'\($0.rawValue)'" }
      throw cursor.failure(
        "expected a row with 'text', with 'instruction' and 'output', with 'messages' or 'conversations', "
          + "or with 'input_ids', "
          + "found \(fields.isEmpty ? "no fields" : fields.joined(separator: ", "))")
    }
    switch kind {
    case .text: content = .text(try cursor.field("text").string())
    case .instruction:
      content = .instruction(
        try cursor.field("instruction").string(), input: try cursor.optional("input")?.string() ?? "",
        output: try cursor.field("output").string())
    case .messages, .conversations:
      let conversation = try Conversation(
        turns: cursor.field(kind.rawValue), tools: cursor.optional("tools"), system: cursor.optional("system"))
      content = .conversation(conversation, kind)
    case .tokens: content = try Self.tokens(cursor, vocabularySize)
    }
  }

  /// The label of a token that is no target.
  private static let ignored = -100

  private static func tokens(_ cursor: JSONCursor, _ vocabularySize: Int) throws(Failure) -> Content {
    let field = try cursor.field("input_ids")
    guard let values = field.value.arrayValue else { throw field.failure("expected an array of token ids") }
    var ids: [Int32] = []
    for (index, value) in values.enumerated() {
      guard let id = value.integerValue, (0..<vocabularySize).contains(id) else {
        throw try field.elements()[index].failure("expected a token id from 0 to \(vocabularySize - 1)")
      }
      ids.append(Int32(id))
    }
    guard let labels = try cursor.optional("labels") else {
      return .tokens(ids, supervised: ids.indices.map { $0 > 0 })
    }
    guard let values = labels.value.arrayValue, values.count == ids.count else {
      throw labels.failure("expected one label for each of the \(ids.count) input_ids")
    }
    var supervised: [Bool] = []
    for (index, value) in values.enumerated() {
      guard let label = value.integerValue, label == ignored || label == Int(ids[index]) else {
        throw try labels.elements()[index].failure("expected \(ids[index]), as in input_ids, or \(ignored)")
      }
      // Nothing predicts the first token.
      supervised.append(index > 0 && label != ignored)
    }
    return .tokens(ids, supervised: supervised)
  }
}

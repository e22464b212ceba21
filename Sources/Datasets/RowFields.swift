import Failures
import JSON

/// The fields of a row as the data names them. Others are the data's own and ignored.
struct RowFields {
  private let cursor: JSONCursor
  private let object: JSONObject
  private let mapping: FieldMapping

  /// - Throws: `Failure.badData` when the row is no object.
  init(_ cursor: JSONCursor, _ mapping: FieldMapping) throws(Failure) {
    guard let object = cursor.value.objectValue else { throw cursor.failure("expected a row (an object)") }
    (self.cursor, self.object, self.mapping) = (cursor, object, mapping)
  }

  func field(_ name: String) throws(Failure) -> JSONCursor {
    let column = mapping.column(name)
    do throws(Failure) {
      return try cursor.field(column)
    } catch {
      guard error.hint == nil, object[column] == nil else { throw error }
      throw Failure(
        error.kind, error.message,
        hint: "the row has \(names(object.keys)); say which of them is meant with --field \(name)=COLUMN")
    }
  }

  func optional(_ name: String) throws(Failure) -> JSONCursor? { try cursor.optional(mapping.column(name)) }

  /// The text of a field.
  /// - Parameter takesNumbers: whether a number is taken as it is written, as it is in tables, which do not tell it from text.
  func string(_ name: String, takesNumbers: Bool = true) throws(Failure) -> String {
    let value = object[mapping.column(name)]
    if let string = value?.stringValue { return string }
    let field = try field(name)
    if takesNumbers, let value, value.doubleValue != nil {
      return field.document.numeral(at: field.path) ?? value.text(indent: 0, keepingFloats: true)
    }
    do throws(Failure) {
      return try field.string()
    } catch {
      let hint =
        switch field.value {
        case .array: "lists of messages are read from 'messages': --field messages=\(mapping.column(name))"
        case .null: "leave such rows out, or give them an empty text"
        default: "write it as a text"
        }
      throw Failure(error.kind, error.message, hint: hint)
    }
  }

  /// The same; nil where it is absent or null.
  func optionalString(_ name: String) throws(Failure) -> String? {
    try optional(name) == nil ? nil : string(name)
  }

  /// The columns that a row of this kind does not use.
  func unused(by kind: SourceRow.Kind) -> [String] {
    let used = Set((kind.fields.required + kind.fields.optional).map(mapping.column))
    return object.keys.filter { !used.contains($0) }
  }

  private func names(_ columns: [String]) -> String {
    columns.isEmpty ? "no fields" : columns.map { "'\($0)'" }.joined(separator: ", ")
  }

  /// What kind of row the fields make: the kind whose fields the user has named, else the one whose first field is
  /// there. A prompt alone makes none: rows of other kinds have one beside them.
  ///
  /// - Throws: `Failure.badData` when that is no kind or several.
  func kind() throws(Failure) -> SourceRow.Kind {
    var kinds = mapping.kinds.filter(isPresent)
    // Where only one is meant, what it lacks can be said.
    if kinds.isEmpty, let meant = mapping.kinds.first, mapping.kinds.allSatisfy({ $0.mark == meant.mark }) { kinds = [meant] }
    if kinds.count == 1 { return kinds[0] }
    guard kinds.isEmpty else {
      let columns = kinds.map { "'\(mapping.column($0.mark))'" }
      throw cursor.failure(
        "the row could be of several kinds: it has \(columns.joined(separator: " and "))",
        hint: "say which counts: "
          + kinds.map { $0.fields.required.map { "--field \($0)=\(mapping.column($0))" }.joined(separator: " ") }
          .joined(separator: ", or "))
    }
    if object.count == 1, let inner = object.members.first, case .array(let rows) = inner.value, rows.first?.objectValue != nil {
      throw cursor.failure(
        "expected a row, found rows inside of '\(inner.key)'",
        hint: "take them out: jq '.[\"\(inner.key)\"]' makes an array of rows, which is read")
    }
    throw cursor.failure(
      "expected a row with 'text', with 'instruction' and 'output', with 'prompt' and 'completion', with "
        + "'messages' or 'conversations', or with 'input_ids', found \(names(object.keys))",
      hint: "say which column is which, for example --field prompt=question --field completion=answer")
  }

  private func isPresent(_ kind: SourceRow.Kind) -> Bool {
    switch kind {
    case .prompt, .promptMessages:
      let values = kind.fields.required.compactMap { object[mapping.column($0)] }
      return values.count == 2 && values.contains { $0.arrayValue != nil } == (kind == .promptMessages)
    default: return object[mapping.column(kind.mark)] != nil
    }
  }
}

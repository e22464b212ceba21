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

  func field(_ name: String) throws(Failure) -> JSONCursor { try cursor.field(mapping.column(name)) }

  func optional(_ name: String) throws(Failure) -> JSONCursor? { try cursor.optional(mapping.column(name)) }

  func string(_ name: String) throws(Failure) -> String {
    if let string = object[mapping.column(name)]?.stringValue { return string }
    return try field(name).string()  // says what is wrong
  }

  /// What kind of row the fields make: the kind whose fields the user has named, else the one whose first field is
  /// there. A prompt alone makes none: rows of other kinds have one beside them.
  ///
  /// - Throws: `Failure.badData` when that is no kind or several.
  func kind() throws(Failure) -> SourceRow.Kind {
    let kinds = mapping.kinds.count == 1 ? mapping.kinds : mapping.kinds.filter(isPresent)
    if kinds.count == 1 { return kinds[0] }
    guard kinds.isEmpty else {
      let columns = kinds.map { "'\(mapping.column($0.rawValue))'" }
      throw cursor.failure(
        "the row could be of several kinds: it has \(columns.joined(separator: " and "))",
        hint: "say which counts: "
          + kinds.map { $0.fields.required.map { "--field \($0)=\(mapping.column($0))" }.joined(separator: " ") }
          .joined(separator: ", or "))
    }
    let found = object.keys
    throw cursor.failure(
      "expected a row with 'text', with 'instruction' and 'output', with 'prompt' and 'completion', with "
        + "'messages' or 'conversations', or with 'input_ids', found \(found.isEmpty ? "no fields" : found.map { "'\($0)'" }.joined(separator: ", "))",
      hint: "say which column is which, for example --field prompt=question --field completion=answer")
  }

  private func isPresent(_ kind: SourceRow.Kind) -> Bool {
    guard object[mapping.column(kind.rawValue)] != nil else { return false }
    return kind != .prompt || kind.fields.required.allSatisfy { object[mapping.column($0)] != nil }
  }
}

package import Failures
import JSON

/// Under which names the data has the fields of rows: `prompt=question` says that the prompt is called "question".
package struct FieldMapping: Sendable, Equatable {
  private var names: [String: String] = [:]
  /// The kinds of rows that can be meant: those of whose fields one is named, or all.
  private(set) var kinds = SourceRow.Kind.allCases

  package init() {}

  /// - Parameter words: as the command line has them, `FIELD=COLUMN`, several with commas between them in pipelines.
  /// - Throws: `Failure.usage` at a word of another form, or a field that no row has.
  package init(_ words: [String]) throws(Failure) {
    for word in words.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[1].isEmpty else {
        throw Failure(.usage, "--field must be FIELD=COLUMN, found '\(word)'", hint: "for example prompt=question")
      }
      guard SourceRow.Kind.allFields.contains(parts[0]) else {
        throw Failure(
          .usage, "--field '\(word)': rows have no field '\(parts[0])'",
          hint: "fields: " + SourceRow.Kind.allFields.joined(separator: ", "))
      }
      guard names.updateValue(parts[1], forKey: parts[0]) == nil else {
        throw Failure(.usage, "--field names '\(parts[0])' twice")
      }
    }
    let named = kinds.filter { kind in
      (kind.fields.required + kind.fields.optional).contains { names[$0] != nil }
    }
    if !named.isEmpty { kinds = named }
  }

  /// What the data calls a field.
  package func column(_ field: String) -> String { names.isEmpty ? field : names[field] ?? field }

  /// Every name under which a row may have something.
  package var columns: [String] { SourceRow.Kind.allFields.map(column) }

  /// The mapping as the manifest records it.
  var json: JSON {
    .object(names.sorted { $0.key < $1.key }.reduce(into: JSONObject()) { $0[$1.key] = .string($1.value) })
  }
}

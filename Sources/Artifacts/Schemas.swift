package import Failures
package import JSON
import Synchronization

/// The JSON schemas of `schemas/`, which are compiled into the programs.
package enum Schemas {
  /// The text of a schema by its name (`artifact` for `schemas/artifact.schema.json`).
  private static let texts: [String: [UInt8]] = [
    "artifact": PackageResources.artifact_schema_json,
    "base": PackageResources.base_schema_json,
    "dataset": PackageResources.dataset_schema_json,
    "checkpoint": PackageResources.checkpoint_schema_json,
    "adapter": PackageResources.adapter_schema_json,
    "evaluation": PackageResources.evaluation_schema_json,
    "model": PackageResources.model_schema_json,
    "receipt": PackageResources.receipt_schema_json,
    "directory": PackageResources.directory_schema_json,
  ]

  private static let parsed = Mutex<[String: JSONSchema]>([:])

  package static var names: [String] { texts.keys.sorted() }

  /// - Throws: `Failure.internal` when there is no schema of that name.
  package static func document(_ name: String) throws(Failure) -> JSONDocument {
    guard let text = texts[name] else { throw Failure(.internal, "there is no schema '\(name)'") }
    return try JSONDocument(text, source: "schemas/\(name).schema.json")
  }

  package static func schema(_ name: String) throws(Failure) -> JSONSchema {
    if let schema = parsed.withLock({ $0[name] }) { return schema }
    let schema = try JSONSchema(try document(name))
    parsed.withLock { $0[name] = schema }
    return schema
  }
}

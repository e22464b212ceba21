import Artifacts
import Failures
import JSON
import Testing

@Test func everySchemaIsEmbeddedAndUsesKnownKeywordsOnly() throws {
  for name in ["artifact"] + ArtifactKind.allCases.map(\.rawValue) {
    let document = try Schemas.document(name)
    _ = try JSONSchema(document)
    #expect(document.root["$schema"] == "https://json-schema.org/draft/2020-12/schema")
    #expect(document.root["description"]?.stringValue?.isEmpty == false)
  }
  #expect(throws: Failure(.internal, "there is no schema 'nope'")) { try Schemas.schema("nope") }
}

/// The schemas are the documentation of the formats: every field says what it is.
@Test func everyFieldOfEverySectionIsDescribed() throws {
  for kind in ArtifactKind.allCases {
    let section = try Schemas.document(kind.rawValue).cursor.field("properties").field(kind.rawValue)
    let required = try section.field("required").elements().map { try $0.string() }
    for (name, field) in try section.field("properties").members() {
      let saysWhenAbsent = field.value["description"]?.stringValue?.contains("absent when") == true
      #expect(required.contains(name) || saysWhenAbsent, "\(kind) \(name)")
      #expect(field.value["description"] != nil || field.value["$ref"] != nil, "\(kind) \(name)")
    }
  }
}

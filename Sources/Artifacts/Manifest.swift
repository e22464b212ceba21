package import Failures
package import JSON

/// What an artifact is: `artifact.json`, a function of the artifact's inputs and of nothing else.
///
///     {"kind": K, "schema_version": 1, "files": [{"path", "bytes", "sha256"}, …], K: {the kind's own section}}
package struct Manifest: Sendable {
  package static let fileName = "artifact.json"

  package let kind: ArtifactKind
  package let schemaVersion: Int
  /// Sorted by the bytes of their paths.
  package let files: [ArtifactFile]
  /// The JSON text with its positions, for errors about the section.
  package let document: JSONDocument
  /// The SHA-256 of the manifest's canonical form (RFC 8785).
  package let digest: Digest

  package var json: JSON { document.root }
  package var section: JSONObject { json[kind.rawValue]?.objectValue ?? [:] }

  /// Reads a manifest, which may come from anywhere.
  ///
  /// - Throws: `Failure.badData` naming the field: of an unknown kind, of a newer schema version, against its
  ///   schemas, with a path that leads out of the directory, or with files that are not sorted.
  package init(_ document: JSONDocument) throws(Failure) {
    self.document = document
    kind = try Self.kind(document)
    schemaVersion = try Self.schemaVersion(document, of: kind)
    try Schemas.schema("artifact").require(document)
    try Schemas.schema(kind.rawValue).require(document)
    files = try Self.files(document)
    do {
      digest = Digest.sha256(try document.root.canonical)
    } catch {
      throw Failure(error.kind, "\(document.source): \(error.message)", hint: error.hint)
    }
  }

  /// Makes a manifest, checked as one that is read.
  package init(kind: ArtifactKind, files: [ArtifactFile], section: JSONObject) throws(Failure) {
    let sorted = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    let json: JSON = [
      "kind": .string(kind.rawValue),
      "schema_version": .integer(kind.schemaVersion),
      "files": .array(
        sorted.map {
          ["path": .string($0.path), "bytes": .integer($0.bytes), "sha256": .string($0.sha256.hex)]
        }),
      kind.rawValue: .object(section),
    ]
    _ = try json.canonical  // refuses what the text could not say: numbers that are not finite
    try self.init(try JSONDocument(json.text() + "\n", source: Self.fileName))
  }

  /// The text of `artifact.json`.
  package var text: String { json.text() + "\n" }

  package func file(_ path: String) -> ArtifactFile? {
    files.first { $0.path.utf8.elementsEqual(path.utf8) }
  }

  private static func kind(_ document: JSONDocument) throws(Failure) -> ArtifactKind {
    let field = try document.cursor.field("kind")
    guard let kind = ArtifactKind(rawValue: try field.string()) else {
      throw field.failure(
        "unknown kind '\(try field.string())'",
        hint: "known kinds: " + ArtifactKind.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return kind
  }

  private static func schemaVersion(
    _ document: JSONDocument, of kind: ArtifactKind
  ) throws(Failure) -> Int {
    let field = try document.cursor.field("schema_version")
    let version = try field.integer(in: 1...)
    guard version <= kind.schemaVersion else {
      throw field.failure(
        "\(kind.words) of schema version \(version), but this program knows versions up to \(kind.schemaVersion)",
        hint: "use a version of randlora that knows schema version \(version) of \(kind.rawValue) artifacts")
    }
    return version
  }

  private static func files(_ document: JSONDocument) throws(Failure) -> [ArtifactFile] {
    var files: [ArtifactFile] = []
    for entry in try document.cursor.field("files").elements() {
      let field = try entry.field("path")
      let path = try field.string()
      if let objection = ArtifactFile.objection(to: path) { throw field.failure(objection) }
      if let last = files.last, !last.path.utf8.lexicographicallyPrecedes(path.utf8) {
        throw field.failure("'\(path)' stands after '\(last.path)': files must be sorted, each listed once")
      }
      let hex = try entry.field("sha256")
      guard let digest = Digest(hex: try hex.string()) else { throw hex.failure("expected a SHA-256") }
      files.append(
        ArtifactFile(path: path, bytes: try entry.field("bytes").integer(in: 0...), sha256: digest))
    }
    return files
  }
}

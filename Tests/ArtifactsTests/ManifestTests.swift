import Artifacts
import Failures
import JSON
import TestSupport
import Testing

private let file = ArtifactFile(path: "a/b.bin", bytes: 7, sha256: .sha256("weights".utf8))

private func valid(_ kind: ArtifactKind) throws -> JSON {
  try Manifest(kind: kind, files: [file], section: try #require(Sample.sections[kind])).json
}

private func refusal(_ json: JSON) throws -> Failure? {
  failure { _ = try Manifest(try JSONDocument(json.text(), source: "artifact.json")) }
}

@Test(arguments: ArtifactKind.allCases) func aManifestReadsBack(kind: ArtifactKind) throws {
  let manifest = try Manifest(kind: kind, files: [file], section: try #require(Sample.sections[kind]))
  let again = try Manifest(try JSONDocument(manifest.text, source: "artifact.json"))
  #expect(again.digest == manifest.digest)
  #expect(again.kind == kind)
  #expect(again.schemaVersion == 1)
  #expect(again.files == [file])
  #expect(again.section == Sample.sections[kind])
  let compact = try Manifest(try JSONDocument(manifest.json.text(indent: 0), source: "artifact.json"))
  #expect(compact.digest == manifest.digest)  // white space does not count
}

/// The objects whose fields are up to the stage that wrote them.
private let free = ["/dataset/recipe", "/checkpoint/adapter", "/checkpoint/recipe"]

@Test(arguments: ArtifactKind.allCases)
func everyMutatedFieldIsRefusedByItsName(kind: ArtifactKind) throws {
  let manifest = try valid(kind)
  let paths = manifest.fields(but: free)
  #expect(paths.count > 6)
  for path in paths {
    guard case .key(let name)? = path.last else { continue }
    let deleted = try refusal(manifest.changed(at: path) { _ in nil })
    #expect(deleted?.kind == .badData)
    #expect(
      deleted?.message.contains("the field '\(name)' is missing") == true,
      "\(path.pointer): \(deleted as Any)")

    let retyped = try refusal(manifest.changed(at: path) { $0.arrayValue == nil ? [] : "text" })
    #expect(retyped?.kind == .badData)
    #expect(retyped?.message.contains(" \(path.pointer): ") == true, "\(path.pointer): \(retyped as Any)")

    let beside = Array(path.dropLast()) + [.key("extra_field")]
    let added = try refusal(manifest.changed(at: beside) { _ in 1 })
    #expect(added?.message.contains("\(beside.pointer): unknown field 'extra_field'") == true)
  }
}

@Test(arguments: ArtifactKind.allCases)
func numbersAndDigestsOutOfRangeAreRefused(kind: ArtifactKind) throws {
  let manifest = try valid(kind)
  for path in manifest.fields(but: free) where !path.pointer.hasSuffix("/weight") {  // any number
    var bad: JSON?
    _ = manifest.changed(at: path) { value in
      switch value {
      case .integer, .number: bad = -1
      case .string(let text) where text.count == 64: bad = .string(text.uppercased() + "0")
      case .string(let text) where !text.contains("/") && !text.contains("."): bad = ""
      default: break
      }
      return value
    }
    guard let bad else { continue }
    let refused = try refusal(manifest.changed(at: path) { _ in bad })
    #expect(refused?.message.contains(path.pointer) == true, "\(path.pointer) = \(bad): \(refused as Any)")
  }
}

@Test func kindsAndVersions() throws {
  var manifest = try valid(.model)
  let refused = { (key: String, value: JSON) in
    try refusal(manifest.changed(at: [.key(key)]) { _ in value })?.description
  }
  #expect(
    try refused("kind", "modell")
      == "artifact.json:2:11: /kind: unknown kind 'modell'\n"
      + "hint: known kinds: base, dataset, checkpoint, adapter, evaluation, model, receipt, directory")
  #expect(try refused("kind", "base")?.contains("the field 'base' is missing") == true)
  #expect(
    try refused("schema_version", 2)
      == "artifact.json:3:21: /schema_version: a model of schema version 2, but this program knows versions up to 1\n"
      + "hint: use a version of randlora that knows schema version 2 of model artifacts")
  #expect(try refused("schema_version", 0)?.contains("expected an integer of at least 1, found 0") == true)
  manifest = manifest.changed(at: [.key("base")]) { _ in .object(Sample.sections[.base] ?? [:]) }
  #expect(try refusal(manifest)?.message.contains("/base: unknown field 'base'") == true)
  #expect(try refusal([])?.message == "artifact.json:1:1: expected an object, found an array")
}

@Test(arguments: [
  ("/etc/passwd", "'/etc/passwd' is not relative"),
  ("../x", "'../x' has an empty, '.' or '..' part"),
  ("a/../../x", "'a/../../x' has an empty, '.' or '..' part"),
  ("a//b", "'a//b' has an empty, '.' or '..' part"),
  ("a/.", "'a/.' has an empty, '.' or '..' part"),
  ("a/", "'a/' has an empty, '.' or '..' part"),
  ("run.json", "'run.json' is the name of the artifact's own record"),
  ("artifact.json", "'artifact.json' is the name of the artifact's own record"),
  ("a\nb", "a path must not have control characters"),
  ("a\0b", "a path must not have control characters"),
  (String(repeating: "x", count: 256), "a part of a path must not be longer than 255 bytes"),
  (String(repeating: "é/", count: 500), "a path must not be longer than 1024 bytes"),
])
func pathsThatLeadOutAreRefused(path: String, reason: String) throws {
  let manifest = try valid(.model).changed(at: [.key("files"), .index(0), .key("path")]) { _ in .string(path) }
  let refused = try #require(try refusal(manifest))
  #expect(refused.kind == .badData)
  #expect(refused.message.hasSuffix("/files/0/path: " + reason))
}

@Test func filesAreSortedByBytesAndListedOnce() throws {
  let entry = { (path: String) -> JSON in
    ["path": .string(path), "bytes": 1, "sha256": Sample.digest]
  }
  let refused = { (paths: [String]) in
    try refusal(
      valid(.model).changed(at: [.key("files")]) { _ in .array(paths.map(entry)) })?.message
  }
  #expect(try refused(["B", "a", "a/b", "é", "😀"]) == nil)
  #expect(try refused(["e\u{301}", "\u{e9}"]) == nil)
  #expect(
    try refused(["a", "a"])?.hasSuffix("'a' stands after 'a': files must be sorted, each listed once") == true
  )
  #expect(try refused(["b", "a"])?.contains("/files/1/path: 'a' stands after 'b'") == true)
}

@Test func integersThatNoDoubleHoldsAreRefused() throws {
  var section = try #require(Sample.sections[.checkpoint])
  section["recipe"] = ["seed": .integer((1 << 53) + 1)]
  let refused = failure { _ = try Manifest(kind: .checkpoint, files: [], section: section) }
  #expect(
    refused?.message == "/checkpoint/recipe/seed: the integer 9007199254740993 does not fit a double exactly")
}

/// Whatever bytes a manifest has, it is read or refused with a `Failure`.
@Test func mutatedManifestsNeverCrash() throws {
  var random = SeededGenerator(state: 3)
  for kind in ArtifactKind.allCases {
    let seed = Array(try valid(kind).text(indent: 0).utf8)
    for _ in 0..<200 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0x20...0xFF, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert("0-9.e{}[]\",".utf8.randomElement(using: &random) ?? 0, at: place)
        }
      }
      if let refused = failure({ _ = try Manifest(try JSONDocument(bytes, source: "m")) }) {
        #expect(refused.kind == .badData)
      }
    }
  }
}

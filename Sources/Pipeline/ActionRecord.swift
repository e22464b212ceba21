package import Artifacts
package import Failures
package import FoundationEssentials
import JSON

/// What came of an action: one immutable file per key. It ends in its own checksum, so that a record that was cut
/// or flipped is no record.
package struct ActionRecord: Sendable {
  private static let schemaVersion = 1

  package var preimage: ActionPreimage
  /// The stage's name in the pipeline that ran it, for people.
  package var name: String
  package var kind: ArtifactKind
  package var output: Digest
  /// The state that a segment went on from, where that is not the start of its chain.
  package var predecessor: Digest?
  package var startedAt: Date
  package var seconds: Double

  package init(
    preimage: ActionPreimage, name: String, kind: ArtifactKind, output: Digest, predecessor: Digest? = nil,
    startedAt: Date, seconds: Double
  ) {
    (self.preimage, self.name, self.kind, self.output) = (preimage, name, kind, output)
    (self.predecessor, self.startedAt, self.seconds) = (predecessor, startedAt, seconds)
  }

  package var bytes: [UInt8] {
    get throws(Failure) {
      var object: JSONObject = [
        "schema_version": .integer(Self.schemaVersion), "key": .string(try preimage.key.hex),
        "action": preimage.json, "name": .string(name), "kind": .string(kind.rawValue),
        "output": .string(output.hex),
        "predecessor": predecessor.map { .string($0.hex) } ?? .null,
        "started_at": .number(startedAt.timeIntervalSince1970), "seconds": .number(seconds),
      ]
      if !preimage.listings.isEmpty {
        var listings = JSONObject()
        for (name, listing) in preimage.listings.sorted(by: { $0.key < $1.key }) {
          listings[name] = ActionPreimage.json(listing)
        }
        object["listings"] = .object(listings)
      }
      object["checksum"] = .string(Digest.sha256(try JSON.object(object).canonical).hex)
      return Array((JSON.object(object).text() + "\n").utf8)
    }
  }

  /// Reads a record.
  ///
  /// - Parameter key: what the file's name promises.
  /// - Throws: `Failure.badData` when it is damaged, of another key, or newer than this code.
  package init(_ bytes: [UInt8], key: Digest, source: String) throws(Failure) {
    let cursor = try JSONDocument(bytes, source: source).cursor
    guard try cursor.field("schema_version").integer() == Self.schemaVersion else {
      throw cursor.failure("a record of another version")
    }
    guard var content = cursor.value.objectValue else { throw cursor.failure("expected an object") }
    content["checksum"] = nil
    let checksum = Digest.sha256(try JSON.object(content).canonical).hex
    guard try cursor.field("checksum").string() == checksum else { throw cursor.failure("a damaged record") }
    preimage = try ActionPreimage(cursor.field("action"))
    for (name, listing) in try cursor.optional("listings")?.members() ?? [] {
      preimage.listings[name] = try ActionPreimage.digests(listing)
    }
    guard try preimage.key == key else { throw cursor.failure("a record of another action") }
    name = try cursor.field("name").string()
    guard let kind = ArtifactKind(rawValue: try cursor.field("kind").string()),
      let output = Digest(hex: try cursor.field("output").string())
    else { throw cursor.failure("a damaged record") }
    (self.kind, self.output) = (kind, output)
    predecessor = try cursor.optional("predecessor").flatMap { value throws(Failure) in
      Digest(hex: try value.string())
    }
    startedAt = Date(timeIntervalSince1970: try cursor.field("started_at").double())
    seconds = try cursor.field("seconds").double()
  }
}

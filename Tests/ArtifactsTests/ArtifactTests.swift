import Artifacts
import Failures
import FoundationEssentials
import JSON
import Testing

@Test func whatIsNotThereOrNoArtifactIsSaidSo() throws {
  let scratch = try Scratch()
  #expect(
    failure { _ = try Artifact.open(scratch("none"), as: .base) }
      == Failure(
        .missingInput, "there is no artifact at \(scratch("none"))",
        hint: "give a directory that a stage wrote with --output"))
  #expect(
    failure { _ = try Artifact.open(scratch.path) }
      == Failure(
        .missingInput, "\(scratch.path) is not an artifact: it has no artifact.json",
        hint: "give a directory that a stage wrote with --output"))
  try scratch.checkpoint("out")
  #expect(
    failure { _ = try Artifact.open(scratch("out"), as: .base, .model) }
      == Failure(.badData, "\(scratch("out")) is a checkpoint, not a base or a model"))
  #expect(try Artifact.open(scratch("out")).kind == .checkpoint)
}

@Test func aFlippedByteIsFound() throws {
  let scratch = try Scratch()
  let artifact = try scratch.checkpoint("out")
  let file = try artifact.path(of: "state/adapter.bin")
  try scratch.overwrite(file, with: "weightz")
  _ = try Artifact.open(scratch("out"), as: .checkpoint, verify: .sizes)
  for verification in [Artifact.Verification.always, .memoised] {
    let found = failure {
      _ = try Artifact.open(scratch("out"), as: .checkpoint, verify: verification, memo: scratch.memo)
    }
    #expect(
      found
        == Failure(
          .badData,
          "\(file) has the SHA-256 \(Digest.sha256("weightz".utf8)), but artifact.json says \(artifact.files[0].sha256)",
          hint: "the artifact was changed after it was made: make it again"))
  }
}

@Test func sizesAreAlwaysChecked() throws {
  let scratch = try Scratch()
  let file = try scratch.checkpoint("out").path(of: "state/adapter.bin")
  let message = {
    failure { _ = try Artifact.open(scratch("out"), as: .checkpoint, verify: .sizes) }?.message
  }
  try scratch.overwrite(file, with: "weight")
  #expect(message() == "\(file) has 6 bytes, but artifact.json says 7")
  try FileManager.default.removeItem(atPath: file)
  #expect(message() == "\(file) is missing")
  try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
  #expect(message() == "\(file) is not a plain file")
}

@Test func symbolicLinksInsideAnArtifactAreRefused() throws {
  let scratch = try Scratch()
  let file = try scratch.checkpoint("out").path(of: "state/adapter.bin")
  let elsewhere = try scratch.write("weights", to: "elsewhere")
  let message = {
    failure { _ = try Artifact.open(scratch("out"), as: .checkpoint, verify: .sizes) }?.message
  }
  try FileManager.default.removeItem(atPath: file)
  try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: elsewhere)
  #expect(message() == "\(file) is not a plain file")

  try FileManager.default.moveItem(atPath: scratch("out/state"), toPath: scratch("state"))
  try FileManager.default.createSymbolicLink(
    atPath: scratch("out/state"), withDestinationPath: scratch("state"))
  #expect(message() == "\(scratch("out/state")) is not a directory")

  try FileManager.default.moveItem(atPath: scratch("out/artifact.json"), toPath: scratch("manifest"))
  try FileManager.default.createSymbolicLink(
    atPath: scratch("out/artifact.json"), withDestinationPath: scratch("manifest"))
  #expect(message() == "\(scratch("out/artifact.json")) is not a plain file")
}

@Test func aLinkToAnArtifactIsFollowed() throws {
  let scratch = try Scratch()
  let artifact = try scratch.checkpoint("out")
  try FileManager.default.createSymbolicLink(atPath: scratch("latest"), withDestinationPath: scratch("out"))
  #expect(try Artifact.open(scratch("latest"), as: .checkpoint).digest == artifact.digest)
  #expect(try scratch.checkpoint("latest").digest == artifact.digest)
  #expect(failure { try scratch.checkpoint("latest", step: 9) }?.kind == .outputExists)
}

@Test(arguments: [
  (#"{"files": {"x": "/tmp/x"}}"#, "/files/x: artifact.json lists no file 'x'"),
  (#"{"files": {"w": "tmp/x"}}"#, "/files/w: 'tmp/x' is not absolute"),
  (#"{"files": {"w": 3}}"#, "/files/w: expected a string, found an integer"),
  (#"{"file": {}}"#, "/file: unknown field 'file'"),
  (#"{}"#, "1:1: the field 'files' is missing"),
  (#"{"files""#, "not valid JSON: unexpected end of the text"),
])
func aBrokenLocationIsRefused(text: String, message: String) throws {
  let scratch = try Scratch()
  let writer = try scratch.writer("base", .base)
  try writer.reference(file: "w", at: try scratch.write("weights", to: "w"))
  _ = try writer.publish(section: try #require(Sample.sections[.base]), run: Sample.run)
  try scratch.overwrite(scratch("base/location.json"), with: text)
  let refused = failure { _ = try Artifact.open(scratch("base"), as: .base) }
  #expect(refused?.kind == .badData)
  #expect(refused?.message.contains(scratch("base/location.json:")) == true)
  #expect(refused?.message.contains(message) == true)
}

@Test func aBrokenRunRecordDoesNotMatter() throws {
  let scratch = try Scratch()
  let artifact = try scratch.checkpoint("out")
  try scratch.overwrite(scratch("out/run.json"), with: "{")
  #expect(artifact.runRecord == nil)
  #expect(try Artifact.open(scratch("out")).digest == artifact.digest)
}

import Artifacts
import Failures
import FoundationEssentials
import Glibc
import JSON
import Testing

@Test func aPublishedArtifactOpensAgain() throws {
  let scratch = try Scratch()
  let published = try scratch.checkpoint("runs/one/step-3")
  let opened = try Artifact.open(scratch("runs/one/step-3/"), as: .checkpoint, memo: scratch.memo)
  #expect(opened.digest == published.digest)
  #expect(opened.kind == .checkpoint)
  #expect(
    opened.files == [ArtifactFile(path: "state/adapter.bin", bytes: 7, sha256: .sha256("weights".utf8))])
  #expect(try opened.section.field("step").integer() == 3)
  let file = try opened.path(of: "state/adapter.bin")
  #expect(file == scratch("runs/one/step-3/state/adapter.bin"))
  #expect(try Files.contents(of: file) == Array("weights".utf8))
  #expect(try scratch.names(in: "runs/one") == ["step-3"])
}

@Test func aSectionErrorNamesManifestAndField() throws {
  let scratch = try Scratch()
  let artifact = try scratch.checkpoint("out")
  #expect(
    failure { _ = try artifact.section.field("step").string() }?.message
      == scratch("out/artifact.json") + ":14:13: /checkpoint/step: expected a string, found an integer")
  #expect(
    failure { _ = try artifact.path(of: "nope") }
      == Failure(.badData, scratch("out/artifact.json") + ": the artifact has no file 'nope'"))
}

@Test func theDigestDependsOnContentAloneAndTheRunRecordStaysOutside() throws {
  let scratch = try Scratch()
  let first = try scratch.checkpoint("a")
  let second = try scratch.checkpoint("deep/er/b")
  #expect(first.digest == second.digest)
  #expect(try scratch.checkpoint("c", content: "Weights").digest != first.digest)
  #expect(try scratch.checkpoint("d", step: 4).digest != first.digest)
  #expect(first.digest == Digest.sha256(try first.manifest.json.canonical))
  let record = try #require(first.runRecord)
  #expect(record["stage"] == "train-step")
  #expect(record["inputs"] == ["base": .string(Digest.sha256([1]).hex)])
  #expect(record["parameters"] == ["rank": 4])
  #expect(record["metrics"] == [])
  #expect(try #require(record["peak_memory_bytes"]?.integerValue) > 0)
  #expect(record["started_at"]?.stringValue?.hasSuffix("Z") == true)
}

@Test func publishedFilesAreReadOnly() throws {
  let scratch = try Scratch()
  try scratch.checkpoint("out")
  for file in ["artifact.json", "run.json", "state/adapter.bin"] {
    var status = stat()
    #expect(unsafe stat(scratch("out/" + file), &status) == 0)
    #expect(status.st_mode & 0o222 == 0)
  }
}

@Test func anEqualOutputIsSuccessAndADifferentOneIsRefused() throws {
  let scratch = try Scratch()
  let first = try scratch.checkpoint("out")
  #expect(try scratch.checkpoint("out").digest == first.digest)
  let refused = try #require(failure { try scratch.checkpoint("out", step: 4) })
  #expect(refused.kind == .outputExists)
  #expect(
    refused.message.hasPrefix("\(scratch("out")) exists and holds another artifact: a checkpoint with digest")
  )
  #expect(refused.message.contains(first.digest.hex))
  #expect(refused.hint == "remove it, or choose another place")
  #expect(try Artifact.open(scratch("out"), as: .checkpoint).digest == first.digest)
  #expect(try scratch.names() == ["out"])
}

@Test func whatIsNoArtifactIsNotReplaced() throws {
  let scratch = try Scratch()
  try FileManager.default.createDirectory(atPath: scratch("mine"), withIntermediateDirectories: true)
  try scratch.write("thesis", to: "mine/thesis.txt")
  try scratch.write("x", to: "file")
  try FileManager.default.createSymbolicLink(
    atPath: scratch("dangling"), withDestinationPath: scratch("nowhere"))
  let message = { (name: String) in failure { try scratch.checkpoint(name) }?.message }
  #expect(message("mine") == "\(scratch("mine")) exists and is not an artifact")
  #expect(message("file") == "\(scratch("file")) exists and is not a directory")
  #expect(message("dangling") == "\(scratch("dangling")) is a symbolic link that leads nowhere")
  #expect(failure { _ = try scratch.writer("..") }?.kind == .usage)
  #expect(failure { _ = try ArtifactWriter(output: "/", kind: .base) }?.kind == .usage)
  #expect(failure { _ = try ArtifactWriter(output: "", kind: .base) }?.kind == .usage)
  #expect(failure { _ = try scratch.writer("file/out") }?.kind == .io)
  #expect(try scratch.names() == ["dangling", "file", "mine"])
}

@Test func aLinkStaysWhereAnArtifactGoesToWhatItLeadsTo() throws {
  let scratch = try Scratch()
  try FileManager.default.createDirectory(atPath: scratch("disk/out"), withIntermediateDirectories: true)
  try FileManager.default.createSymbolicLink(atPath: scratch("link"), withDestinationPath: "disk/out")
  let first = try scratch.checkpoint("link")
  #expect(first.directory == scratch("disk/out"))
  let newer = try scratch.checkpoint("newer", step: 2)
  #expect(try newer.copy(to: scratch("link"), as: .writable, memo: scratch.memo))
  #expect(try Artifact.open(scratch("disk/out"), as: .checkpoint).digest == newer.digest)
  #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch("link")) == "disk/out")
  #expect(try scratch.names() == ["disk", "link", "newer"])
}

@Test func anEmptyDirectoryMayBecomeTheOutput() throws {
  let scratch = try Scratch()
  try FileManager.default.createDirectory(atPath: scratch("out"), withIntermediateDirectories: true)
  #expect(try scratch.checkpoint("out").kind == .checkpoint)
}

@Test func aDamagedEqualOutputIsRepaired() throws {
  let scratch = try Scratch()
  let artifact = try scratch.checkpoint("out")
  try scratch.overwrite(scratch("out/state/adapter.bin"), with: "WEIGHTS")
  #expect(throws: Failure.self) { try Artifact.open(scratch("out"), as: .checkpoint, verify: .always) }
  try scratch.checkpoint("out")
  #expect(try Artifact.open(scratch("out"), as: .checkpoint, verify: .always).digest == artifact.digest)
  #expect(try scratch.names() == ["out"])
}

@Test func aWriterThatFailsOrIsDiscardedLeavesNothing() throws {
  let scratch = try Scratch()
  do {
    let writer = try scratch.writer("a")
    try AtomicFile.write("half", to: try writer.path(for: "x/y"))
    #expect(try scratch.names().count == 1)
  }
  #expect(try scratch.names() == [])

  do {
    let first = try scratch.writer("over/there/a"), second = try scratch.writer("over/here/b")
    second.discard()
    #expect(try scratch.names(in: "over") == ["there"])  // the other one is at work there
    first.discard()
  }
  #expect(try scratch.names() == [])

  let writer = try scratch.writer("b")
  let refused = failure {
    _ = try writer.publish(section: Sample.checkpoint(step: 1), run: Sample.run) {
      directory throws(Failure) in
      throw Failure(.internal, "no finite numbers in it")
    }
  }
  #expect(refused == Failure(.internal, "no finite numbers in it"))
  writer.discard()
  #expect(try scratch.names() == [])
  #expect(
    failure { _ = try writer.path(for: "x") }
      == Failure(.internal, "the artifact \(scratch("b")) is already published or discarded"))

  var section = Sample.checkpoint(step: 1)
  section["loss"] = .number(.nan)
  let sick = try scratch.writer("c")
  #expect(
    failure { _ = try sick.publish(section: section, run: Sample.run) }
      == Failure(.internal, "/checkpoint/loss: nan is not a JSON number"))
  section["loss"] = "low"
  #expect(
    failure { _ = try sick.publish(section: section, run: Sample.run) }?.message
      .hasSuffix("/checkpoint/loss: expected a number or null, found a string") == true)
}

@Test func namesThatLeadOutOfTheArtifactAreRefused() throws {
  let scratch = try Scratch()
  let writer = try scratch.writer("out")
  for name in ["../x", "/x", "a//b", "a/./b", "", "artifact.json", "run.json", "a/..", "x\n"] {
    #expect(failure { _ = try writer.path(for: name) }?.kind == .internal)
  }
  let link = try writer.path(for: "link")
  try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/etc/passwd")
  let refused = failure { _ = try writer.publish(section: Sample.checkpoint(step: 1), run: Sample.run) }
  #expect(refused?.message == "\(link) is neither a file nor a directory")
}

@Test func aPartialResultIsReplacedAndGoesWithTheWhole() throws {
  let scratch = try Scratch()
  let partial = { (step: Int) in
    try scratch.writer("out").publishPartial(section: Sample.checkpoint(step: step), run: Sample.run)
  }
  #expect(try partial(1).directory == ArtifactWriter.partial(of: scratch("out")))
  let second = try partial(2)
  #expect(try Artifact.open(scratch("out.partial"), as: .checkpoint).digest == second.digest)
  #expect(try scratch.names() == ["out.partial"])
  try scratch.checkpoint("out", step: 3)
  #expect(try scratch.names() == ["out"])
}

@Test func leftoversOfKilledWritersAreSweptAndLiveOnesAreNot() throws {
  let scratch = try Scratch()
  let live = try scratch.writer("out")
  _ = try live.path(for: "x")
  try FileManager.default.createDirectory(
    atPath: scratch(".out.tmp-1-dead/state"), withIntermediateDirectories: true)
  try scratch.write("{}", to: ".out.tmp-1-dead/artifact.json")
  try FileManager.default.createDirectory(
    atPath: scratch(".outer.tmp-1-dead"), withIntermediateDirectories: true)
  let other = try scratch.writer("out")
  let names = try scratch.names()
  #expect(names.count == 3)
  #expect(!names.contains(".out.tmp-1-dead"))
  #expect(names.contains(".outer.tmp-1-dead"))
  other.discard()
  _ = try live.publish(section: Sample.checkpoint(step: 1), run: Sample.run)
  #expect(try scratch.names() == [".outer.tmp-1-dead", "out"])
}

@Test func manyPublishersOfOneOutputAllSucceedWithOneResult() async throws {
  let scratch = try Scratch()
  let digests = try await withThrowingTaskGroup(of: Digest.self) { group in
    for _ in 0..<8 { group.addTask { try scratch.checkpoint("out").digest } }
    return try await group.reduce(into: []) { $0.append($1) }
  }
  #expect(Set(digests).count == 1)
  #expect(try Artifact.open(scratch("out"), as: .checkpoint, verify: .always).digest == digests[0])
  #expect(try scratch.names() == ["out"])
}

@Test func ofManyDifferentPublishersOneWins() async throws {
  let scratch = try Scratch()
  let outcomes = await withTaskGroup(of: Failure.Kind?.self) { group in
    for step in 0..<8 { group.addTask { failure { try scratch.checkpoint("out", step: step) }?.kind } }
    return await group.reduce(into: []) { $0.append($1) }
  }
  #expect(outcomes.count { $0 == nil } == 1)
  #expect(outcomes.count { $0 == .outputExists } == 7)
  #expect(try scratch.names() == ["out"])
}

@Test func aBaseRefersToItsFilesWhereTheyLie() throws {
  let scratch = try Scratch()
  let weights = try scratch.write("weights", to: "model.safetensors")
  let section = try #require(Sample.sections[.base])
  let writer = try scratch.writer("base", .base)
  try writer.reference(file: "model.safetensors", at: weights)
  let base = try writer.publish(section: section, run: Sample.run)
  #expect(try base.path(of: "model.safetensors") == weights)
  #expect(try scratch.names(in: "base") == ["artifact.json", "location.json", "run.json"])

  let moved = scratch("moved.safetensors")
  try FileManager.default.moveItem(atPath: weights, toPath: moved)
  let missing = failure { _ = try Artifact.open(scratch("base"), as: .base) }
  #expect(missing?.kind == .missingInput)
  #expect(
    missing?.message
      == "\(weights) is missing, where \(scratch("base/location.json")) says that 'model.safetensors' lies")

  // The same base from another place has the same digest, and its import mends the lost location.
  let again = try scratch.writer("base", .base)
  try again.reference(file: "model.safetensors", at: moved)
  #expect(try again.publish(section: section, run: Sample.run).digest == base.digest)
  #expect(try Artifact.open(scratch("base"), as: .base).path(of: "model.safetensors") == moved)

  try scratch.overwrite(moved, with: "WEIGHTS")
  #expect(failure { _ = try Artifact.open(scratch("base"), as: .base) }?.kind == .badData)
}

@Test func aReferencedFileThatChangesDuringTheImportIsRefused() throws {
  let scratch = try Scratch()
  let weights = try scratch.write("weights", to: "model.safetensors")
  let writer = try scratch.writer("base", .base)
  try writer.reference(file: "model.safetensors", at: weights)
  try scratch.overwrite(weights, with: "WEIGHTS")
  let section = try #require(Sample.sections[.base])
  #expect(
    failure { _ = try writer.publish(section: section, run: Sample.run) }
      == Failure(
        .badData, "\(weights) changed while it was imported", hint: "run again when nothing writes to it"))
  #expect(failure { try writer.reference(file: "x", at: scratch("none")) }?.kind == .missingInput)
  #expect(failure { try writer.reference(file: "../x", at: weights) }?.kind == .badData)
}

@Test func `an artifact takes no other one in`() throws {
  let scratch = try Scratch()
  _ = try scratch.checkpoint("out")
  let error = failure { _ = try scratch.writer("out/deep/er") }
  #expect(error?.kind == .usage)
  #expect(error?.message == "'\(scratch("out/deep/er"))' would lie inside of a checkpoint, '\(scratch("out"))'")
  #expect(try scratch.names(in: "out") == ["artifact.json", "run.json", "state"])
  _ = try scratch.checkpoint("out/../beside")
  #expect(try scratch.names() == ["beside", "out"])
}

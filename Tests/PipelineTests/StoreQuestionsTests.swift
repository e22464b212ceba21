import Artifacts
import Failures
import Foundation
import JSON
import Pipeline
import Synchronization
import Testing

@Test func theLineageLeadsBackToTheFiles() async throws {
  let work = try Workspace()
  let summary = try await work.run()
  let store = try work.store()
  let trained = try store.object(try #require(summary["trained"]))
  let lineage = Lineage(of: trained, in: store)
  let short = { (name: String) in String(summary[name]?.hex.prefix(12) ?? "") }
  let lines = lineage.text.split(separator: "\n").map(String.init)
  #expect(lines[0] == "checkpoint \(short("trained")) (trained@10, train-step r1)")
  #expect(lines[1] == "├─ base: base \(short("base")) (base, import-base r1)")
  #expect(lines[2].hasPrefix("│  └─ base-model: content "))
  #expect(lines[3] == "├─ checkpoint: checkpoint \(short("start")) (start, init-adapter r1)")
  #expect(lines[4] == "│  └─ base: base \(short("base")) (base, import-base r1) (see above)")
  #expect(lines[5] == "├─ dataset: dataset \(short("data")) (data, prepare-data r1)")
  #expect(lines.contains { $0.hasPrefix("└─ goes on from: checkpoint ") && $0.hasSuffix("(trained@8, train-step r1)") })
  #expect(lineage.json["nodes"]?.arrayValue?.count == 6)
}

@Test func anArtifactThatIsGoneStillHasALineage() async throws {
  let work = try Workspace()
  let summary = try await work.run()
  let start = try #require(summary["start"])
  try FileManager.default.removeItem(atPath: work("store/objects/\(start)"))
  let store = try work.store()
  let text = Lineage(of: try store.object(try #require(summary["trained"])), in: store).text
  #expect(text.contains("├─ checkpoint: (gone) \(start.hex.prefix(12)) (start, init-adapter r1)"), "\(text)")
}

@Test func aDifferenceIsFollowedToItsCause() async throws {
  let work = try Workspace()
  let first = try await work.run()
  try work.write("data.jsonl", "other\n")
  let second = try await work.run(set: [("rate", "0.25")])
  let store = try work.store()
  let difference = ArtifactDifference(
    try store.object(try #require(first["after"])), try store.object(try #require(second["after"])), in: store)
  let causes = difference.causes.map { "\($0.input): \($0.reason.text)" }
  #expect(causes.contains("checkpoint: learning-rate changed: 0.5 → 0.25"), "\(causes)")
  #expect(causes.contains("checkpoint/dataset: content of 'data-path' changed"), "\(causes)")
  #expect(causes.filter { $0.contains("content of") }.count == 1, "a cause is told once")
  #expect(difference.values.map(\.path) == ["checkpoint", "dataset"])
  let same = try store.object(try #require(first["after"]))
  #expect(ArtifactDifference(same, same, in: store).isEmpty)
}

@Test func anArtifactIsFoundByDirectoryDigitsOrStage() async throws {
  let work = try Workspace()
  let summary = try await work.run()
  let store = try work.store()
  let trained = try #require(summary["trained"])
  func digest(_ text: String) throws -> Digest { try ArtifactReference(text).artifact(in: store).digest }
  #expect(try digest(work("store/objects/\(trained)")) == trained)
  #expect(try digest(String(trained.hex.prefix(8))) == trained)
  #expect(try digest("trained") == trained, "of a training, its last state")
  #expect(try digest("trained@10") == trained)
  #expect(try digest("trained@4") != trained)
  #expect(ArtifactReference.store(around: work("store/objects/\(trained)")) == store.root)
  #expect(ArtifactReference.store(around: work("model")) == nil)
  let missing = failure { _ = try digest("trianed") }
  #expect(missing?.kind == .missingInput)
  #expect(
    missing?.message == "'trianed' is no directory, and the store \(store.root) has no artifact or stage of that name")
  #expect(missing?.hint == "did you mean 'trained'?")
}

@Test func aScrubFindsEveryFlippedBit() async throws {
  let work = try Workspace()
  let summary = try await work.run()
  let store = try work.store()
  let whole = StoreScrub(store, quarantines: true) { _ in }
  #expect((whole.objects, whole.records, whole.damages.count) == (7, 7, 0))
  let digest = try #require(summary["start"])
  let file = work("store/objects/\(digest)/content")
  let bytes = try Files.contents(of: file)
  for bit in 0..<bytes.count * 8 {
    var flipped = bytes
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    try Data(flipped).write(to: URL(fileURLWithPath: file))
    #expect(StoreScrub(store, quarantines: false) { _ in }.damages.map(\.digest) == [digest])
  }
  let scrub = StoreScrub(store, quarantines: true) { _ in }
  #expect(scrub.damages.first?.reason.contains("/content has the SHA-256 ") == true)
  #expect(try FileManager.default.contentsOfDirectory(atPath: work("store/damaged")).count == 1)
  #expect(StoreScrub(store, quarantines: true) { _ in }.missing == 1)
  _ = work.programs.takeCalls()
  try await work.run()
  #expect(work.programs.takeCalls() == ["init-adapter"])
  #expect(StoreScrub(store, quarantines: true) { _ in }.missing == 0)
}

@Test func aManifestWithAFlippedByteIsNeverUsed() async throws {
  let work = try Workspace()
  let summary = try await work.run(targets: ["start"])
  let digest = try #require(summary["start"])
  let store = try work.store()
  let path = work("store/objects/\(digest)/artifact.json")
  let bytes = try Files.contents(of: path)
  for index in bytes.indices {
    var flipped = bytes
    flipped[index] ^= 1
    try Data(flipped).write(to: URL(fileURLWithPath: path))
    // White space, and the case of an escape, say the same.
    if let artifact = try? store.object(digest) { #expect(artifact.digest == digest) }
    try Data(bytes[..<index]).write(to: URL(fileURLWithPath: path))
    if index < bytes.count - 1 { #expect((try? store.object(digest)) == nil) }
  }
}

@Test func aCollectionKeepsWhatIsWorthMost() async throws {
  let work = try Workspace()
  try await work.run()
  let store = try work.store()
  func plan(_ budget: StoreCollection.Budget, now: Date = Date()) -> StoreCollection {
    StoreCollection(StoreContents(store), budget, now: now)
  }
  #expect(plan(.init()).removals.isEmpty)
  #expect(plan(.init(bytes: 0)).kept.isEmpty)
  #expect(plan(.init(age: 36_000)).removals.isEmpty)
  let later = plan(.init(age: 36_000), now: Date(timeIntervalSinceNow: 72_000))
  #expect(later.removals.count == 7)
  #expect(later.removals.allSatisfy { $0.reason == .age })
  let entries = StoreContents(store).entries
  let cheapest = try #require(entries.min { $0.value < $1.value })
  let total = entries.reduce(0) { $0 + $1.bytes }
  let one = plan(.init(bytes: total - 1))
  #expect(one.removals.map(\.entry.digest) == [cheapest.digest])
  #expect(one.removals.map(\.reason) == [.size])
  try store.pin(cheapest.digest, true)
  #expect(plan(.init(bytes: 0)).kept.map(\.digest) == [cheapest.digest])
  try store.pin(cheapest.digest, false)
  #expect(plan(.init(bytes: 0)).kept.isEmpty)
}

@Test func aCollectionLeavesNothingBehind() async throws {
  let work = try Workspace()
  let summary = try await work.run()
  let store = try work.store()
  let digest = try #require(summary["start"])
  // An object without a record, a damaged one, a record without an object, a half-written file, old work.
  let orphan = String(repeating: "0", count: 64)
  try FileManager.default.copyItem(
    atPath: work("store/objects/\(digest)"), toPath: work("store/objects/\(orphan)"))
  try work.write("store/tmp/\(orphan)/out/x", "half")
  try work.write("store/damaged/x", "damaged")
  try work.write("store/actions/.\(orphan).json.tmp-1-ff", "{")
  try work.write("store/locks/\(orphan)", "process 1")
  let before = Set(try Files.tree(work("store")))
  let dry = try store.collect(.init(), dryRun: true)
  #expect(dry.removals.map(\.reason) == [.damaged])  // it is not what its name says
  #expect(Set(try Files.tree(work("store"))) == before)
  _ = try store.collect(.init(), dryRun: false)
  let after = try Files.tree(work("store"))
  #expect(after.filter { $0.contains(orphan) || $0.hasPrefix("damaged") || $0.hasPrefix("tmp") } == [])
  _ = try store.collect(.init(bytes: 0), dryRun: false)
  let empty = try Files.tree(work("store")).filter { !$0.hasPrefix("answers/") }
  #expect(empty == [".gitignore", "in-use"])
  _ = work.programs.takeCalls()
  #expect(try await work.run()["trained"] == summary["trained"])
  #expect(work.programs.takeCalls().count == 7)
}

@Test func theCollectorAndRunnersKeepOutOfEachOthersWay() async throws {
  let work = try Workspace()
  let store = try work.store()
  let refusal = Mutex<Failure?>(nil)
  work.programs.state.withLock { state in
    state.duringRun["init-adapter"] = {
      refusal.withLock { $0 = failure { _ = try store.collect(.init(bytes: 0), dryRun: false) } }
    }
  }
  #expect(try await work.run().exitCode == 0)
  #expect(refusal.withLock { $0 }?.kind == .busy)
  #expect(refusal.withLock { $0 }?.message == "the store \(store.root) is in use")
}

@Test func aSecondRunIsComparedSegmentBySegment() async throws {
  let work = try Workspace()
  let first = try await work.run()
  _ = work.programs.takeCalls()
  var options = RunOptions()
  (options.compares, options.forced) = (true, ["trained", "start"])
  func comparisons() -> [String] {
    work.events.withLock { $0 }.compactMap { event in
      guard case .compared(let label, let difference, let same) = event else { return nil }
      return "\(label) \(same) \(difference.files.count)"
    }
  }
  try await work.run(options: options)
  #expect(comparisons() == ["start true 0", "trained@4 true 0", "trained@8 true 0", "trained@10 true 0"])
  let flips = Mutex(0)
  work.programs.state.withLock { state in
    state.salt = { flips.withLock { $0 += 1; return "\($0)" } }
  }
  let again = try await work.run(options: options)
  #expect(comparisons().first == "start false 1")
  #expect(again["start"] == first["start"], "what is known stays")
  work.programs.state.withLock { $0.salt = nil }
  _ = work.programs.takeCalls()
  #expect(try await work.run()["trained"] == first["trained"])
  #expect(work.programs.takeCalls() == [])
}

@Test func anArtifactFromElsewhereIsAdopted() async throws {
  let work = try Workspace()
  let first = try await work.run()
  let trained = try #require(first["trained"])
  let elsewhere = work("elsewhere")
  try FileManager.default.copyItem(atPath: work("store/objects/\(trained)"), toPath: elsewhere)
  try FileManager.default.removeItem(atPath: work("store"))
  _ = work.programs.takeCalls()
  var options = RunOptions()
  options.adoption = RunOptions.Adoption(of: try Artifact.open(elsewhere), as: "trained")
  #expect(try await work.run(targets: ["trained"], options: options).exitCode == 66)
  #expect(work.failures.first?.failure.message == "'base' is not up to date, and 'trained' is made from it")
  try await work.run(targets: ["start", "data"])
  _ = work.programs.takeCalls()
  let adopted = try await work.run(targets: ["trained"], options: options)
  #expect(adopted["trained"] == trained, "\(work.failures)")
  #expect(work.programs.takeCalls() == [])
  #expect(try await work.run()["trained"] == trained)
  #expect(work.programs.takeCalls() == ["evaluate"])
  // Something else that is no result of this stage.
  options.adoption = RunOptions.Adoption(of: try Artifact.open(work("store/objects/\(first["data"]!)")), as: "start")
  #expect(try await work.run(targets: ["start"], set: [("rank", "4")], options: options).exitCode == 65)
}

@Test func theFileThatChangedInADirectoryIsNamed() async throws {
  let work = try Workspace()
  try work.write("model/config.json", "{}")
  try await work.run(targets: ["base"])
  try work.write("model/config.json", "{ }")
  #expect(try await work.plan().first == "base: content of 'base-model' changed (config.json)")
  for name in ["a", "b", "c", "d"] { try work.write("model/" + name, name) }
  #expect(try await work.plan().first == "base: content of 'base-model' changed (a, b, c and 2 more)")
}

@Test func aResultThatIsUsedCountsAsNew() async throws {
  let work = try Workspace()
  let summary = try await work.run(targets: ["base"])
  let digest = try #require(summary["base"])
  let store = try work.store()
  let key = try #require(store.keys.first)
  let paths = [work("store/actions/\(key).json"), work("store/objects/\(digest)")]
  for path in paths {
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -1e6)], ofItemAtPath: path)
  }
  func kept() -> Int { StoreCollection(StoreContents(store), .init(age: 1e5)).kept.count }
  #expect(kept() == 0)
  try await work.plan()  // asking is not using
  #expect(kept() == 0)
  try await work.run(targets: ["base"])
  #expect(kept() == 1)
}

@Test func aStoreWithoutItsEmptyDirectoriesIsWhole() async throws {
  let work = try Workspace()
  try await work.run()
  for name in ["damaged", "pins", "locks", "tmp"] { try FileManager.default.removeItem(atPath: work("store/\(name)")) }
  _ = try Store(existing: work("store"), memo: work.memo)
  #expect(FileManager.default.fileExists(atPath: work("store/damaged")))
  #expect(FileManager.default.fileExists(atPath: work("store/pins")))
}

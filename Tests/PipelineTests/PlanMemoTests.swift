import Artifacts
import Failures
import Foundation
import Pipeline
import Testing

/// Runs the pipeline the long way and remembers that nothing was to do.
@discardableResult
private func remember(_ work: Workspace, _ memo: PlanMemo) async throws -> Testimony? {
  let witness = Witness()
  let build = try work.build()
  let summary = try await Witness.$current.withValue(witness) {
    try await build.run(PipelineFile(yaml: Workspace.pipeline, path: work("pipeline.yaml")).stages)
  }
  #expect(summary.ran == 0 && summary.isQuiet)
  if let testimony = witness.testimony { memo.remember(summary, testimony) }
  return witness.testimony
}

/// Where the memo lies, among what stages answered.
private func path(of work: Workspace) throws -> String {
  let answers = try Files.names(in: work("store/answers")).map { work("store/answers/" + $0) }
  return try #require(try answers.first { try Files.contents(of: $0).contains(0) })
}

@Test func nothingToDoIsRememberedAsLongAsEverythingLooksTheSame() async throws {
  let work = try Workspace()
  #expect(try await work.run().isQuiet == false)
  let memo = PlanMemo(try work.store(), question: ["run"])
  #expect(memo.recall() == nil)
  try work.write("data.jsonl", "one\ntwo\n")
  #expect(try await remember(work, memo) == nil)  // a file this fresh proves nothing
  #expect(memo.recall() == nil)
  usleep(2_300_000)
  let testimony = try #require(try await remember(work, memo))
  #expect(memo.recall()?.reused == 5)
  #expect(memo.recall()?.evaluations.map(\.label.stage) == ["after"])
  #expect(PlanMemo(try work.store(), question: ["run", "other"]).recall() == nil)
  // The inputs and the results are all among what was looked at; each takes the long way.
  for part in ["/model", "/data.jsonl", "/content"] {
    let path = try #require(testimony.paths.last { $0.contains(part) })
    try FileManager.default.moveItem(atPath: path, toPath: work("aside"))
    #expect(memo.recall() == nil, "\(path)")
    try FileManager.default.moveItem(atPath: work("aside"), toPath: path)
    usleep(2_300_000)
    try await remember(work, memo)
    #expect(memo.recall() != nil, "\(path)")
  }
  // A new name in a directory that a stage reads.
  try work.write("model/another", "weight")
  #expect(memo.recall() == nil)
}

@Test func aDamagedMemoTakesTheLongWay() async throws {
  let work = try Workspace()
  try await work.run()
  usleep(2_300_000)
  let memo = PlanMemo(try work.store(), question: ["run"])
  try await remember(work, memo)
  #expect(memo.recall() != nil)
  let path = try path(of: work)
  let bytes = try Files.contents(of: path)
  for index in stride(from: 0, to: bytes.count, by: 97) {
    var flipped = bytes
    flipped[index] ^= 4
    try AtomicFile.write(flipped, to: path)
    #expect(memo.recall() == nil, "byte \(index)")
    try AtomicFile.write(Array(bytes[..<index]), to: path)
    #expect(memo.recall() == nil, "cut at \(index)")
  }
  try AtomicFile.write(bytes, to: path)
  #expect(memo.recall() != nil)
}

@Test func whatIsOnlyRememberedIsInUse() async throws {
  let work = try Workspace()
  try await work.run()
  usleep(2_300_000)
  let store = try work.store()
  let memo = PlanMemo(store, question: ["run"])
  try await remember(work, memo)
  let monthAgo = Date(timeIntervalSinceNow: -30 * 86_400)
  let places = try ["objects", "actions"].flatMap { directory in
    try Files.names(in: work("store/\(directory)")).map { work("store/\(directory)/\($0)") }
  }
  for place in try places + [path(of: work)] { try FileManager.default.setAttributes([.modificationDate: monthAgo], ofItemAtPath: place) }
  let week = StoreCollection.Budget(age: 7 * 86_400)
  #expect(try store.collect(week, dryRun: true).removals.count == 7)
  #expect(memo.recall() != nil)
  // The states on the way to the last one are in use by nobody, as in a run that takes the long way.
  let removed = try store.collect(week, dryRun: false).removals.map(\.entry.names)
  #expect(removed.sorted { $0[0] < $1[0] } == [["trained@4"], ["trained@8"]])
  #expect(memo.recall()?.reused == 5)
}

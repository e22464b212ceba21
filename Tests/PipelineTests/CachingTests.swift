import Artifacts
import Failures
import Foundation
import Pipeline
import Synchronization
import Testing

private let everything = [
  "import-base", "prepare-data", "init-adapter", "train-step +4", "train-step +4",
  "train-step +2", "evaluate",
]

@Test func aSecondRunDoesNothing() async throws {
  let work = try Workspace()
  let first = try await work.run()
  #expect(first.exitCode == 0)
  #expect(work.programs.takeCalls().sorted() == everything.sorted())
  #expect(first.outputs.map(\.name) == ["base", "data", "start", "trained", "after"])
  let second = try await work.run()
  #expect(work.programs.takeCalls() == [])
  #expect(second.ran == 0)
  #expect(second["trained"] == first["trained"])
  #expect(try await work.plan() == [])
}

@Test func touchingAnInputDoesNothing() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  let later = Date(timeIntervalSinceNow: 1000)
  for file in ["data.jsonl", "model/weights"] {
    try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: work(file))
  }
  try await work.run()
  #expect(work.programs.takeCalls() == [])
}

@Test func aChangedParameterRunsOnlyWhatDependsOnIt() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  #expect(
    try await work.plan(set: [("rate", "0.25")]) == [
      "trained@10: learning-rate changed: 0.5 → 0.25", "after: 'trained' will be made anew",
    ])
  try await work.run(set: [("rate", "0.25")])
  #expect(work.programs.takeCalls() == ["train-step +4", "train-step +4", "train-step +2", "evaluate"])
  try await work.run()  // and back: known
  #expect(work.programs.takeCalls() == [])
}

@Test func anEqualOutputStopsTheRebuild() async throws {
  let work = try Workspace()
  let yaml = Workspace.pipeline.replacingOccurrences(
    of: "data-path: data.jsonl", with: "data-path: data.jsonl, first-line-only: true")
  let first = try await work.run(yaml)
  _ = work.programs.takeCalls()
  try work.write("data.jsonl", "one\nother\n")
  #expect(try await work.plan(yaml).first == "data: content of 'data-path' changed")
  let second = try await work.run(yaml)
  #expect(work.programs.takeCalls() == ["prepare-data"])
  #expect(second["trained"] == first["trained"])
}

@Test func writingADefaultDownChangesNothing() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  let explicit = Workspace.pipeline
    .replacingOccurrences(
      of: "data-path: data.jsonl", with: "data_path: ./data.jsonl, cutoff_len: 256, verbose: true"
    )
    .replacingOccurrences(
      of: "rank: \"${rank}\"", with: "rank: 8, target-modules: [k_proj, v_proj], alpha: ~"
    )
    .replacingOccurrences(of: "save-step: 4", with: "save-step: 4, schedule: constant, threads: 3")
  try await work.run(explicit)
  #expect(work.programs.takeCalls() == [])
}

@Test func aMovedProjectHitsItsOldResults() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  try FileManager.default.createDirectory(atPath: work("elsewhere"), withIntermediateDirectories: true)
  for name in ["model", "data.jsonl"] {
    try FileManager.default.copyItem(atPath: work(name), toPath: work("elsewhere/" + name))
  }
  let build = Build(store: try work.store(), processes: work.programs)
  let file = try PipelineFile(yaml: Workspace.pipeline, path: work("elsewhere/pipeline.yaml"))
  let summary = try await build.run(file.stages)
  #expect(summary.exitCode == 0)
  #expect(work.programs.takeCalls() == [])
}

@Test func aRaisedRevisionRunsTheStageAgain() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  work.programs.state.withLock { $0.revisions["init-adapter"] = 2 }
  #expect(try await work.plan().first == "start: revision of the program changed: 1 → 2")
  try await work.run()
  #expect(work.programs.takeCalls() == ["init-adapter"])  // its output is the same
}

@Test func aDamagedObjectIsMadeAgain() async throws {
  let work = try Workspace()
  let first = try await work.run()
  _ = work.programs.takeCalls()
  let digest = try #require(first["start"])
  let path = work("store/objects/\(digest)/content")
  #expect(unsafe chmod(path, 0o644) == 0)
  try "rank 9 ".write(toFile: path, atomically: false, encoding: .utf8)
  #expect(try await work.plan().first == "start: its result \(digest.hex.prefix(12)) is gone or damaged")
  let second = try await work.run()
  #expect(work.programs.takeCalls() == ["init-adapter"])
  #expect(second["trained"] == first["trained"])
  #expect(try work.store().object(digest).digest == digest)
  try FileManager.default.removeItem(atPath: work("store/objects/\(digest)"))
  try await work.run()
  #expect(work.programs.takeCalls() == ["init-adapter"])
}

@Test func aRecordCutAtAnyLengthCostsAtMostARerun() async throws {
  let work = try Workspace()
  try await work.run(targets: ["start"])
  _ = work.programs.takeCalls()
  let record = try #require(
    try FileManager.default.contentsOfDirectory(atPath: work("store/actions")).first { name in
      try String(contentsOfFile: work("store/actions/" + name), encoding: .utf8).contains("init-adapter")
    })
  let path = work("store/actions/" + record)
  let bytes = try Files.contents(of: path)
  let store = try work.store()
  let key = try #require(Digest(hex: String(record.dropLast(5))))
  #expect(store.record(key) != nil)
  for length in 0..<bytes.count - 1 {  // the last byte is a line break
    try Data(bytes[..<length]).write(to: URL(fileURLWithPath: path))
    #expect(store.record(key) == nil, "cut to \(length) bytes")
  }
  for index in bytes.indices.dropLast() {
    var flipped = bytes
    flipped[index] ^= 0x10
    try Data(flipped).write(to: URL(fileURLWithPath: path))
    #expect(store.record(key) == nil, "byte \(index) flipped")
  }
  try await work.run(targets: ["start"])
  #expect(work.programs.takeCalls() == ["init-adapter"])
  #expect(store.record(key) != nil)
}

@Test func forcingRunsTheStageAndNothingElse() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  var options = RunOptions()
  options.forced = ["start"]
  try await work.run(options: options)
  #expect(work.programs.takeCalls() == ["init-adapter"])
  options.forced = ["trained"]
  try await work.run(options: options)
  #expect(work.programs.takeCalls() == ["train-step +4", "train-step +4", "train-step +2"])
}

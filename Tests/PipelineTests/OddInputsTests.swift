import Artifacts
import Failures
import Foundation
import JSON
import Synchronization
import Testing

@testable import Pipeline

private let pipeline = """
  stages:
    base: {stage: import-base, with: {base-model: model}}
    data: {stage: prepare-data, base: base, with: {data-path: data.jsonl}}
  """

@Test func aRewriteOfTheSameSizeAndTimeIsSeen() async throws {
  let work = try Workspace()
  try work.write("data.jsonl", "aaaa")
  let first = try await work.run(pipeline)
  let date = try FileManager.default.attributesOfItem(atPath: work("data.jsonl"))[.modificationDate]
  let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: work("data.jsonl")))
  try handle.write(contentsOf: Data("bbbb".utf8))
  try handle.close()
  try FileManager.default.setAttributes([.modificationDate: try #require(date)], ofItemAtPath: work("data.jsonl"))
  let second = try await work.run(pipeline)
  #expect(first["data"] != second["data"])
}

@Test(arguments: [-1e9, 1e9]) func timesInThePastOrFutureDoNotMatter(_ offset: Double) async throws {
  let work = try Workspace()
  // A memo whose clock stands far from the files' times: set back, or never set.
  let memo = DigestMemo(file: work("memo"), now: { Int((Date().timeIntervalSince1970 + offset) * 1e9) })
  func run() async throws -> RunSummary {
    let store = try Store(work("store"), memo: memo)
    let file = try PipelineFile(yaml: pipeline, path: work("pipeline.yaml"))
    return try await Build(store: store, processes: work.programs).run(file.stages)
  }
  let first = try await run()
  try work.write("data.jsonl", "ONE\ntwo\n")
  try FileManager.default.setAttributes(
    [.modificationDate: Date(timeIntervalSinceNow: offset)], ofItemAtPath: work("data.jsonl"))
  let second = try await run()
  #expect(first["data"] != second["data"])
  _ = work.programs.takeCalls()
  try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: work("data.jsonl"))
  #expect(try await run()["data"] == second["data"])
  #expect(work.programs.takeCalls() == [])
}

@Test func aLinkCountsAsWhatItLeadsTo() async throws {
  let work = try Workspace()
  try work.write("one.jsonl", "one")
  try work.write("two.jsonl", "two")
  try FileManager.default.removeItem(atPath: work("data.jsonl"))
  func link(to target: String) throws {
    try? FileManager.default.removeItem(atPath: work("data.jsonl"))
    try FileManager.default.createSymbolicLink(atPath: work("data.jsonl"), withDestinationPath: target)
  }
  try link(to: "one.jsonl")
  let first = try await work.run(pipeline)
  try link(to: "two.jsonl")
  let second = try await work.run(pipeline)
  #expect(first["data"] != nil && second["data"] != nil && first["data"] != second["data"])
  try link(to: "nowhere")
  #expect(try await work.run(pipeline).exitCode == 66)
  #expect(work.failures.first?.failure.message == "there is no file or directory at \(work("data.jsonl"))")
  try link(to: "data.jsonl")
  #expect(try await work.run(pipeline).exitCode == 66)
  try FileManager.default.createSymbolicLink(atPath: work("model/again"), withDestinationPath: ".")
  #expect(try await work.run(pipeline).exitCode == 65)
  let loop = "\(work("model")): too many files or directories, or a loop of links"
  #expect(work.failures.first?.failure.message == loop)
}

@Test func namesMayHoldLineBreaksAndAnyLetter() async throws {
  let work = try Workspace()
  let odd = "a \"b\"\n\u{1F40D} e\u{301} é 'c' $d"
  try work.write(odd + "/data\n1.jsonl", "one")
  let yaml = """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      data: {stage: prepare-data, base: base, with: {data-path: "a \\"b\\"\\n\u{1F40D} e\u{301} é 'c' $$d/data\\n1.jsonl"}}
    """
  func run() async throws -> RunSummary {
    let store = try Store(work(odd + "/store"), memo: work.memo)
    let file = try PipelineFile(yaml: yaml, path: work("pipeline.yaml"))
    return try await Build(store: store, processes: work.programs).run(file.stages)
  }
  let first = try await run()
  #expect(first.exitCode == 0)
  #expect(work.programs.takeCalls() == ["import-base", "prepare-data"])
  #expect(try await run()["data"] == first["data"])
  #expect(work.programs.takeCalls() == [])
  let store = try Store(work(odd + "/store"), memo: work.memo)
  #expect(StoreScrub(store, quarantines: true) { _ in }.damages.isEmpty)
}

@Test func anAnswerCutOrFlippedAnywhereIsNone() throws {
  let answer: JSON = ["total_steps": 120, "learning-rate": 0.003, "names": ["é", nil, true]]
  let bytes = Array(try StageQuestions.memo(answer).utf8)
  #expect(StageQuestions.answer(remembered: bytes) == answer)
  for index in bytes.indices {
    let cut = StageQuestions.answer(remembered: Array(bytes[..<index]))
    #expect(cut == nil || cut == answer, "cut at \(index)")
    for bit in 0..<8 {
      var flipped = bytes
      flipped[index] ^= 1 << bit
      // White space may be what it likes.
      let found = StageQuestions.answer(remembered: flipped)
      #expect(found == nil || found == answer, "bit \(bit) of byte \(index)")
    }
  }
}

@Test func aDamagedAnswerIsAskedAgain() async throws {
  let work = try Workspace()
  let first = try await work.run()
  for name in try FileManager.default.contentsOfDirectory(atPath: work("store/answers")) {
    try Data("{\"answer\":".utf8).write(to: URL(fileURLWithPath: work("store/answers/" + name)))
  }
  let questions = work.programs.state.withLock { $0.questions.count }
  #expect(try await work.run(targets: ["trained"])["trained"] == first["trained"])
  #expect(work.programs.state.withLock { $0.questions.count } > questions)
  #expect(work.programs.calls.count == 7)
}

@Test func everyFileOfAListCountsAndInItsOrder() async throws {
  let work = try Workspace()
  try work.write("one.jsonl", "one")
  try work.write("two.jsonl", "two")
  func run(_ list: String) async throws -> Digest? {
    try await work.run(pipeline.replacing("data-path: data.jsonl", with: "data-path: \(list)"))["data"]
  }
  let first = try await run("[one.jsonl, two.jsonl]")
  #expect(first != nil)
  #expect(try await run("[two.jsonl, one.jsonl]") != first)
  _ = work.programs.takeCalls()
  #expect(try await run("[one.jsonl, two.jsonl]") == first)
  #expect(work.programs.takeCalls() == [])
  try work.write("two.jsonl", "too")
  #expect(try await run("[one.jsonl, two.jsonl]") != first)
}

@Test func aFileThatIsAddedToADirectoryCounts() async throws {
  let work = try Workspace()
  try work.write("rows/one.jsonl", "one")
  let inDirectory = pipeline.replacing("data.jsonl", with: "rows")
  let first = try await work.run(inDirectory)["data"]
  try work.write("rows/two.jsonl", "two")
  let second = try await work.run(inDirectory)["data"]
  #expect(first != nil && second != nil && first != second)
}

@Test func aPatternIsRefusedAndTheWayOutNamed() async throws {
  let work = try Workspace()
  try work.write("rows/one.jsonl", "one")
  #expect(try await work.run(pipeline.replacing("data.jsonl", with: "\"rows/*.jsonl\"")).exitCode == 66)
  let failure = work.failures.first?.failure
  #expect(
    failure?.message
      == "there is no file or directory at \(work("rows/*.jsonl")), and a pipeline takes no patterns")
  #expect(failure?.hint == "name the directory: all its files count, those that are added too; or list the files")
}

import Artifacts
import Failures
import Foundation
import JSON
import Synchronization
import Testing

@testable import Pipeline

@Test func aFailureEndsTheRunUnlessItIsToGoOn() async throws {
  let work = try Workspace()
  work.programs.state.withLock { $0.exitCodes["prepare-data"] = 65 }
  var options = RunOptions()
  options.keepGoing = true
  let summary = try await work.run(options: options)
  #expect(summary.exitCode == 65)
  #expect(work.failures.map(\.failure.message) == ["prepare-data failed with exit code 65"])
  #expect(Set(summary.outputs.map(\.name)) == ["base", "start"])
  let skipped = work.events.withLock { $0 }.compactMap { event -> String? in
    if case .skipped(let label, let cause) = event { "\(label) for \(cause)" } else { nil }
  }
  #expect(skipped == ["trained for data", "after for data"])
}

@Test func whatAFailureKeptFromBeingMadeIsNamed() async throws {
  let work = try Workspace()
  let programs = work.programs
  // Each waits for the other: data is begun before the failure, and is done after it.
  programs.state.withLock {
    $0.exitCodes["init-adapter"] = 65
    $0.duringRun["init-adapter"] = {
      for _ in 0..<60_000 where !programs.calls.contains("prepare-data") { usleep(1_000) }
    }
    $0.duringRun["prepare-data"] = {
      for _ in 0..<60_000 where work.failures.isEmpty { usleep(1_000) }
    }
  }
  var options = RunOptions()
  options.jobs = 2
  let yaml = Workspace.pipeline + "\n  before: {stage: evaluate, base: base, dataset: data}"
  let summary = try await work.run(yaml, options: options)
  #expect(summary.exitCode == 65)
  #expect(summary.outputs.map(\.name) == ["base", "data"])
  #expect(summary.unmade == ["before"])  // of the others it was said already
}

@Test func stoppingStartsNothingNewAndPassesTheSignalOn() async throws {
  let work = try Workspace()
  let build = try work.build()
  work.programs.state.withLock { $0.duringRun["import-base"] = { build.stop() } }
  let summary = try await build.run(
    PipelineFile(yaml: Workspace.pipeline, path: work("pipeline.yaml")).stages)
  #expect(summary.exitCode == 75)
  #expect(work.programs.calls == ["import-base"])
  #expect(work.programs.state.withLock { $0.signals } == [SIGINT])
  #expect(summary["base"] != nil)  // it ended well, so it counts
}

@Test func twoRunsAtOnceInOneStoreRunEachActionOnce() async throws {
  let work = try Workspace()
  work.programs.state.withLock { $0.duringRun["import-base"] = { usleep(200_000) } }
  async let first = work.run()
  async let second = work.run()
  let summaries = try await [first, second]
  #expect(summaries[0]["after"] == summaries[1]["after"])
  #expect(work.programs.calls.count == 7)
}

@Test func whoeverWaitsForAnotherRunnerTakesUpNoRoom() async throws {
  let yaml = """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      other: {command: "echo > $output/it", outputs: it}
    """
  let (elsewhere, work) = (try Workspace(), try Workspace())
  try await elsewhere.run(yaml, targets: ["base"])
  let key = try #require(try elsewhere.store().keys.first)
  try work.store().make()
  let held = Mutex(try work.store().lock(key))
  let holder = Task {
    for _ in 0..<12_000 where !work.programs.calls.contains("sh") { try await Task.sleep(for: .milliseconds(10)) }
    held.withLock { $0 = nil }
  }
  #expect(try await work.run(yaml).exitCode == 0)
  try await holder.value
  #expect(work.programs.calls == ["sh", "import-base"])
}

@Test func jobsRunAtTheSameTimeAndShareTheCores() async throws {
  let work = try Workspace()
  var options = RunOptions()
  (options.jobs, options.cores) = (4, 8)
  try await work.run(options: options)
  #expect(work.programs.calls.count == 7)
  #expect(options.threads == 2)
}

@Test func anArtifactFromElsewhereCanBeAnInput() async throws {
  let work = try Workspace()
  let summary = try await work.run(targets: ["base"])
  let base = try #require(summary["base"])
  let yaml = """
    stages:
      start: {stage: init-adapter, base: ./store/objects/\(base), with: {rank: 8}}
    """
  #expect(try await work.run(yaml).exitCode == 0)
  try await work.run(targets: ["start"])
  #expect(work.programs.calls == ["import-base", "init-adapter"])
  let missing = try await work.run("stages:\n  s: {stage: init-adapter, base: ./nowhere}")
  #expect(missing.exitCode == 66)
  #expect(
    work.failures.first?.failure.message
      == "\(work("pipeline.yaml")):2:34: there is no artifact at \(work("./nowhere"))")
}

@Test func anExportThatIsNotThereIsPlanned() async throws {
  let work = try Workspace()
  let yaml = Workspace.pipeline.replacingOccurrences(
    of: "with: {rank: \"${rank}\"}}", with: "with: {rank: \"${rank}\"}, export: out/start}")
  func exports() async throws -> [String] {
    try await work.plan(yaml)
    return work.events.withLock { $0 }.compactMap { if case .wouldExport(_, let path) = $0 { path } else { nil } }
  }
  #expect(try await exports() == [])
  try await work.run(yaml)
  #expect(try await exports() == [])
  try FileManager.default.removeItem(atPath: work("out"))
  #expect(try await exports() == [work("out/start")])
  #expect(!FileManager.default.fileExists(atPath: work("out")))
  let model = try #require(try await work.run(yaml, targets: ["base"])["base"])
  _ = try work.store().object(model).copy(to: work("out/start"), as: .writable, memo: work.memo)
  #expect(try await exports() == [])
  #expect(
    work.failures.first?.failure.message
      == "\(work("out/start")) exists and is a base, which a checkpoint does not replace")
  try FileManager.default.removeItem(atPath: work("out"))
  try work.write("out/start", "a file of mine")
  #expect(try await exports() == [])
  #expect(work.failures.map(\.label) == ["start"], "a plan says what a run would refuse")
}

@Test func whatCannotBeExportedCanBeUsed() async throws {
  let work = try Workspace()
  let yaml = Workspace.pipeline.replacingOccurrences(
    of: "with: {rank: \"${rank}\"}}", with: "with: {rank: \"${rank}\"}, export: out/start}")
  try work.write("out/start", "a file of mine")
  var options = RunOptions()
  options.keepGoing = true
  let summary = try await work.run(yaml, options: options)
  #expect(summary.exitCode == 73 && work.failures.map(\.label) == ["start"])
  #expect(summary["start"] != nil && summary["trained"] != nil)
}

@Test func anExportIsACopyThatOneMayChange() async throws {
  let work = try Workspace()
  let yaml = Workspace.pipeline.replacingOccurrences(
    of: "with: {rank: \"${rank}\"}}", with: "with: {rank: \"${rank}\"}, export: out/start}")
  try await work.run(yaml, targets: ["start"])
  try work.write("out/start/content", "mine")
  #expect(try await work.run(yaml, targets: ["start"]).exitCode == 73)
  #expect(
    work.failures.first?.failure.message
      == "\(work("out/start/content")) was changed or damaged since it was published, and would be replaced")
  #expect(try Files.contents(of: work("out/start/content")) == Array("mine".utf8))
  try FileManager.default.removeItem(atPath: work("out/start/content"))
  try await work.run(yaml, targets: ["start"])
  #expect(try Files.contents(of: work("out/start/content")) == Array("rank 8 ".utf8))
  try await work.run(yaml, targets: ["start"], set: [("rank", "4")])
  #expect(try Files.contents(of: work("out/start/content")) == Array("rank 4 ".utf8))
  try FileManager.default.removeItem(atPath: work("out/start/artifact.json"))
  let refused = try await work.run(yaml, targets: ["start"])
  #expect(refused.exitCode == 73)
  #expect(
    work.failures.first?.failure.message
      == "\(work("out/start")) exists and is no artifact, so nothing is exported over it")
}

@Test func theReportHoldsTheTableAndTheCurves() async throws {
  let work = try Workspace()
  let yaml = Workspace.pipeline.replacingOccurrences(
    of: "save-step: 4}", with: "save-step: 4, eval-step: 5}\n    evaluate: true")
  let summary = try await work.run(yaml)
  let report = try RunReport(title: "a <b>", summary, in: try work.store())
  #expect(report.evaluations.map(\.name) == ["trained.evaluate", "trained.evaluate", "after"])
  #expect(report.evaluations.map(\.step) == [5, 10, 10])
  #expect(report.evaluations.last?.exactMatch == 0.25)
  #expect(report.curves.map(\.points.count) == [10])
  #expect(report.curves.first?.points.map(\.step) == Array(1...10))
  let page = report.html
  #expect(page.contains("<title>a &lt;b&gt;</title>"))
  #expect(page.contains("<polyline") && page.contains("<circle"))
  #expect(!page.contains("http") && !page.contains("<script"))
}

@Test func aDescriptionThatIsWrongIsRefusedByItsField() throws {
  func message(_ text: String) throws -> String? {
    let document = try JSONDocument(text, source: "x --describe")
    return failure { _ = try StageInterface(document) }?.message
  }
  let good = """
    {"name":"x","revision":1,"inputs":[{"role":"base","kinds":["base"],"required":true}],"output":null,
    "parameters":[{"name":"k","type":"integer","default":1,"class":"result"}]}
    """
  #expect(try message(good) == nil)
  for (from, to, expected) in [
    ("\"revision\":1", "\"revision\":\"1\"", "/revision: expected an integer, found a string"),
    ("\"kinds\":[\"base\"]", "\"kinds\":[\"bass\"]", "/inputs/0/kinds/0: expected one of base, dataset"),
    ("integer", "int", "/parameters/0/type: expected one of integer, number"),
    ("\"default\":1", "\"default\":\"1\"", "/parameters/0/default: expected an integer, found a string"),
    (
      "\"result\"", "\"maybe\"",
      "/parameters/0/class: expected one of result, from-step, never, found 'maybe'"
    ),
    ("\"output\"", "\"outptu\"", "/outptu: unknown field 'outptu'"),
    ("\"output\":null", "\"output\":\"base\",\"segmented\":true", "a segmented stage needs"),
  ] {
    let text = try message(good.replacingOccurrences(of: from, with: to))
    #expect(text?.contains(expected) == true, "\(text ?? "nothing")")
  }
}

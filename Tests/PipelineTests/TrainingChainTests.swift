import Artifacts
import Failures
import Foundation
import Pipeline
import Synchronization
import Testing

private func pipeline(_ with: String, _ more: String = "") -> String {
  Workspace.pipeline.replacingOccurrences(of: "max-steps: 10, save-step: 4", with: with)
    .replacingOccurrences(of: "checkpoint: start\n", with: "checkpoint: start\n\(more)")
}

@Test func anotherSaveStepReusesEverything() async throws {
  let work = try Workspace()
  let first = try await work.run()
  _ = work.programs.takeCalls()
  for with in ["max-steps: 10, save-step: 3", "max-steps: 10", "max-steps: 10, save-step: 100, threads: 2"] {
    let again = try await work.run(pipeline(with))
    #expect(work.programs.takeCalls() == [])
    #expect(again["trained"] == first["trained"])
  }
}

@Test func anExtensionRunsOnlyTheRest() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  #expect(
    try await work.plan(pipeline("max-steps: 14, save-step: 6")).first
      == "trained@14: goes on from step 10 to 14")
  let extended = try await work.run(pipeline("max-steps: 14, save-step: 6"))
  #expect(work.programs.takeCalls() == ["train-step +2", "train-step +2", "evaluate"])
  let other = try Workspace()
  let whole = try await other.run(pipeline("max-steps: 14"))
  #expect(extended["trained"] == whole["trained"])
}

@Test func aPlanCountsWhatARunMakes() async throws {
  let work = try Workspace()
  try await work.run(pipeline("max-steps: 4"))
  let yaml = pipeline("max-steps: 10, save-step: 2, eval-step: 3, schedule: linear", "    evaluate: true\n")
  var options = RunOptions()
  options.dryRun = true
  let planned = try await work.run(yaml, options: options).ran, made = try await work.run(yaml).ran
  #expect(planned == made && made == 11)
}

@Test func underAScheduleWithAHorizonAnExtensionRunsAll() async throws {
  let work = try Workspace()
  try await work.run(pipeline("max-steps: 10, schedule: linear"))
  _ = work.programs.takeCalls()
  try await work.run(pipeline("max-steps: 12, schedule: linear"))
  #expect(work.programs.takeCalls() == ["train-step +12", "evaluate"])
}

@Test func aParameterThatActsLateReusesTheStepsBefore() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  try await work.run(pipeline("max-steps: 10, save-step: 4, late: 3"))
  #expect(work.programs.takeCalls() == ["train-step +4", "train-step +2", "evaluate"])
}

@Test func aShorterTrainingUsesAStateOnTheWay() async throws {
  let work = try Workspace()
  try await work.run()
  _ = work.programs.takeCalls()
  try await work.run(pipeline("max-steps: 9"))
  #expect(work.programs.takeCalls() == ["train-step +1", "evaluate"])
}

@Test func anInterruptedSegmentIsKeptAndGoneOnFrom() async throws {
  let work = try Workspace()
  work.programs.state.withLock { $0.interruptAfter = 3 }
  let stopped = try await work.run(pipeline("max-steps: 10"))
  #expect(stopped.exitCode == 75)
  #expect(work.programs.takeCalls().suffix(1) == ["train-step +10"])
  let labels = work.events.withLock { $0 }.compactMap { event -> Int? in
    if case .interrupted(_, let step) = event { step } else { nil }
  }
  #expect(labels == [3])
  work.programs.state.withLock { $0.interruptAfter = 2 }
  try await work.run(pipeline("max-steps: 10"))
  #expect(work.programs.takeCalls() == ["train-step +7"])
  let kept = try work.store().records().filter { $0.preimage.step != nil }.sorted { $0.preimage.step ?? 0 < $1.preimage.step ?? 0 }
  #expect(kept.map(\.preimage.step) == [3, 5] && kept.allSatisfy { $0.seconds > 0 })
  #expect(kept.map(\.predecessor) == [nil, kept[0].output])
  let resumed = try await work.run(pipeline("max-steps: 10"))
  #expect(work.programs.takeCalls() == ["train-step +5", "evaluate"])
  let whole = try await Workspace().run(pipeline("max-steps: 10"))
  #expect(resumed["trained"] == whole["trained"])
  #expect(try FileManager.default.contentsOfDirectory(atPath: work("store/tmp")) == [])
  #expect(try FileManager.default.contentsOfDirectory(atPath: work("store/locks")) == [])
}

@Test func evaluationsAreMadeOnTheWayOnce() async throws {
  let work = try Workspace()
  let yaml = pipeline("max-steps: 10, save-step: 4, eval-step: 5", "    evaluate: true\n")
  let first = try await work.run(yaml)
  #expect(
    work.programs.takeCalls().filter { $0.hasPrefix("train") } == [
      "train-step +4", "train-step +1", "train-step +3", "train-step +2",
    ])
  #expect(
    first.evaluations.map(\.label.description) == ["trained.evaluate@5", "trained.evaluate@10", "after"])
  #expect(first.evaluations[1].digest == first.evaluations[2].digest)
  let again = try await work.run(pipeline("max-steps: 10, eval-step: 5", "    evaluate: {dataset: data}\n"))
  #expect(work.programs.takeCalls() == [])
  #expect(again.evaluations.map(\.digest) == first.evaluations.map(\.digest))
  try await work.run(pipeline("max-steps: 10, eval-step: 2", "    evaluate: true\n"))
  #expect(
    work.programs.takeCalls().sorted() == [
      "evaluate", "evaluate", "evaluate", "evaluate", "train-step +1", "train-step +2",
    ])
}

@Test func aStageThatStartsFromATrainedStateGoesOnFromItsStep() async throws {
  let work = try Workspace()
  let yaml =
    Workspace.pipeline + """

        longer: {stage: train-step, base: base, dataset: data, checkpoint: trained, with: {max-steps: 13, save-step: 4}}
      """
  let summary = try await work.run(yaml)
  #expect(summary.exitCode == 0)
  #expect(
    work.programs.takeCalls().suffix(3).filter { $0.hasPrefix("train") } == [
      "train-step +2", "train-step +1",
    ])
}

@Test func aStageThatReachesAnotherStepIsRefused() async throws {
  let work = try Workspace()
  let yaml = pipeline("max-steps: 10")
  let processes = Overreaching(programs: work.programs)
  let summary = try await work.run(yaml, processes: processes)
  #expect(summary.exitCode == 65)
  let message = try #require(work.failures.first?.failure.message)
  #expect(message.hasSuffix("/checkpoint/step: expected the state at step 10, found step 9"))
  #expect(summary["trained"] == nil)
}

/// Makes one step fewer than it is asked for, and calls it done.
private struct Overreaching: StageProcesses {
  let programs: FakePrograms

  func locate(_ program: String) throws(Failure) -> String { try programs.locate(program) }
  func signal(_ number: Int32) {}
  func answer(
    _ executable: String, _ arguments: [String], environment: [String: String], directory: String
  ) async throws(Failure) -> [UInt8]
  {
    try await programs.answer(executable, arguments, environment: environment, directory: directory)
  }
  func run(_ launch: StageLaunch) async throws(Failure) -> StageEnd {
    var arguments = launch.arguments
    if let index = arguments.firstIndex(of: "--steps") { arguments[index + 1] = "9" }
    return try await programs.run(
      StageLaunch(
        executable: launch.executable, arguments: arguments, directory: launch.directory, lock: launch.lock,
        logPath: launch.logPath, progress: launch.progress))
  }
}

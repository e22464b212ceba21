import Artifacts
import Failures
import Foundation
import Pipeline
import Synchronization

/// A directory with a pipeline, a store and fake programs; removed with the value.
final class Workspace: Sendable {
  let root: String
  let memo: DigestMemo
  let programs: FakePrograms
  let events = Mutex<[RunEvent]>([])

  init() throws {
    root = NSTemporaryDirectory() + "pipeline-tests-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    memo = DigestMemo(file: nil)
    programs = FakePrograms(memo: memo)
    try FileManager.default.createDirectory(atPath: root + "/model", withIntermediateDirectories: true)
    try write("model/weights", "the weights")
    try write("data.jsonl", "one\ntwo\n")
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  func callAsFunction(_ path: String) -> String { root + "/" + path }

  func write(_ path: String, _ text: String) throws {
    try Files.makeDirectories(Files.parent(of: self(path)))
    try AtomicFile.write(text, to: self(path))
  }

  func store() throws -> Store { try Store(self("store"), memo: memo) }

  static let pipeline = """
    variables: {rank: 8, rate: 0.5}
    stages:
      base: {stage: import-base, with: {base-model: model}}
      data: {stage: prepare-data, base: base, with: {data-path: data.jsonl}}
      start: {stage: init-adapter, base: base, with: {rank: "${rank}"}}
      trained:
        stage: train-step
        base: base
        dataset: data
        checkpoint: start
        with: {learning-rate: "${rate}", max-steps: 10, save-step: 4}
      after: {stage: evaluate, base: base, dataset: data, checkpoint: trained}
    """

  @discardableResult func run(
    _ yaml: String = Workspace.pipeline, targets: [String] = [],
    set settings: [(name: String, value: String)] = [],
    options: RunOptions = RunOptions(), processes: (any StageProcesses)? = nil
  ) async throws -> RunSummary {
    events.withLock { $0 = [] }
    return try await build(options: options, processes: processes)
      .run(PipelineFile(yaml: yaml, path: self("pipeline.yaml"), settings: settings).selection(targets))
  }

  func build(options: RunOptions = RunOptions(), processes: (any StageProcesses)? = nil) throws -> Build {
    Build(
      store: try store(), processes: processes ?? programs, options: options,
      report: { [weak self] event in self?.events.withLock { $0.append(event) } })
  }

  /// What would run and why, one line each.
  @discardableResult func plan(
    _ yaml: String = Workspace.pipeline, set settings: [(name: String, value: String)] = []
  ) async throws -> [String] {
    var options = RunOptions()
    options.dryRun = true
    try await run(yaml, set: settings, options: options)
    return events.withLock { $0 }.compactMap { event in
      guard case .wouldRun(let label, let reasons) = event else { return nil }
      return "\(label): \(reasons.map(\.text).joined(separator: "; "))"
    }
  }

  var failures: [(label: String, failure: Failure)] {
    events.withLock { $0 }.compactMap { event in
      guard case .failed(let label, let failure, _, _) = event else { return nil }
      return (label.description, failure)
    }
  }
}

func failure(_ body: () throws -> Void) -> Failure? {
  do { try body() } catch { return error as? Failure }
  return nil
}

func failure(_ body: () async throws -> Void) async -> Failure? {
  do { try await body() } catch { return error as? Failure }
  return nil
}

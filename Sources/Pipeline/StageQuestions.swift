import Artifacts
import Failures
import JSON

/// What a segmented stage answers about one chain: how many steps it has, and what influences the state at each.
///
/// Answers are remembered in the store. They are functions of the program, its revision, the parameters and the
/// inputs, and may be deleted at any time.
actor StageQuestions {
  private let stage: BoundStage
  private let inputs: [(role: String, artifact: Artifact)]
  private let processes: any StageProcesses
  private let store: Store
  private var influences: [Int: JSONObject] = [:]

  init(
    _ stage: BoundStage, inputs: [(role: String, artifact: Artifact)],
    processes: any StageProcesses, store: Store
  ) {
    (self.stage, self.inputs) = (stage, inputs)
    (self.processes, self.store) = (processes, store)
  }

  /// The number of optimiser steps that the parameters amount to on this dataset.
  func totalSteps() async throws(Failure) -> Int {
    try await answer(["--plan"]).cursor.field("total_steps").integer(in: 0...)
  }

  /// The parameters that influence the state at a step.
  func influences(at step: Int) async throws(Failure) -> JSONObject {
    if let known = influences[step] { return known }
    let document = try await answer(["--influences", "\(step)"])
    guard let object = document.root.objectValue else {
      throw document.cursor.failure("expected an object, found \(document.root.typeName)")
    }
    influences[step] = object
    return object
  }

  private func answer(_ question: [String]) async throws(Failure) -> JSONDocument {
    let source = "\(stage.interface.name) \(question.joined(separator: " "))"
    let key = try memoKey(question)
    if let bytes = try? Files.contents(of: store.answerPath(key), limit: 1 << 20),
      let answer = Self.answer(remembered: bytes)
    {
      return try JSONDocument(answer.text(), source: source)
    }
    let arguments =
      question + stage.parameters.flags(threads: nil)
      + inputs.flatMap { ["--\($0.role)", $0.artifact.directory] }
    let bytes = try await processes.answer(
      stage.executable, arguments, environment: stage.environment, directory: stage.declaration.directory)
    let document = try JSONDocument(bytes, source: source)
    store.remember(try Self.memo(document.root), under: key)
    return document
  }

  /// An answer with a checksum.
  static func memo(_ answer: JSON) throws(Failure) -> String {
    let memo: JSON = ["answer": answer, "checksum": .string(Digest.sha256(try answer.canonical).hex)]
    return memo.text()
  }

  /// What `memo` wrote; nil when that is damaged.
  static func answer(remembered bytes: [UInt8]) -> JSON? {
    guard let memo = try? JSONDocument(bytes, source: "memo").root, let answer = memo["answer"],
      let canonical = try? answer.canonical, memo["checksum"]?.stringValue == Digest.sha256(canonical).hex
    else { return nil }
    return answer
  }

  private func memoKey(_ question: [String]) throws(Failure) -> Digest {
    let asked: JSON = [
      "question": .array(question.map { .string($0) }), "program": try Self.identity(of: stage.executable),
      "stage": .string(stage.interface.name), "revision": .integer(stage.interface.revision),
      "flags": .array(stage.parameters.flags(threads: nil).map { .string($0) }),
      "environment": .array(stage.environment.sorted { $0.key < $1.key }.map { [.string($0.key), .string($0.value)] }),
      "inputs": .array(inputs.map { .array([.string($0.role), .string($0.artifact.digest.hex)]) }),
    ]
    return Digest.sha256(try asked.canonical)
  }

  /// What tells a program from a later one of the same name.
  static func identity(of executable: String) throws(Failure) -> JSON {
    guard case .file(let identity) = try FileStatus(executable, followingLinks: true) else { return .null }
    return .array(
      [identity.device.description, "\(identity.inode)", "\(identity.size)", "\(identity.changed)"]
        .map { .string($0) })
  }
}

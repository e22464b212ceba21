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
    if let answer = store.answer(under: key) { return try JSONDocument(answer.text(), source: source) }
    let arguments =
      question + stage.parameters.flags(threads: nil)
      + inputs.flatMap { ["--\($0.role)", $0.artifact.directory] }
    let bytes = try await processes.answer(
      stage.executable, arguments, environment: stage.environment, directory: stage.declaration.directory)
    let document = try JSONDocument(bytes, source: source)
    try store.remember(document.root, under: key)
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
    try Self.key(
      question, of: stage.interface, stage.executable, flags: stage.parameters.flags(threads: nil),
      environment: stage.environment, inputs: inputs)
  }

  /// What an answer depends on.
  static func key(
    _ question: [String], of interface: StageInterface, _ executable: String, flags: [String],
    environment: [String: String], inputs: [(role: String, artifact: Artifact)] = []
  ) throws(Failure) -> Digest {
    var program: JSON = .null
    if case .file(let identity) = try FileStatus(executable, followingLinks: true) {
      program = .array(
        [identity.device.description, "\(identity.inode)", "\(identity.size)", "\(identity.changed)"]
          .map { .string($0) })
    }
    let asked: JSON = [
      "question": .array(question.map { .string($0) }), "program": program, "stage": .string(interface.name),
      "revision": .integer(interface.revision), "flags": .array(flags.map { .string($0) }),
      "environment": .array(environment.sorted { $0.key < $1.key }.map { [.string($0.key), .string($0.value)] }),
      "inputs": .array(inputs.map { .array([.string($0.role), .string($0.artifact.digest.hex)]) }),
    ]
    return Digest.sha256(try asked.canonical)
  }
}

extension Store {
  /// What was remembered under a key; nil when nothing was, or it is damaged.
  func answer(under key: Digest) -> JSON? {
    (try? Files.contents(of: answerPath(key), limit: 1 << 20)).flatMap { StageQuestions.answer(remembered: $0) }
  }

  /// Keeps an answer, where there is a place for it.
  func remember(_ answer: JSON, under key: Digest) throws(Failure) {
    let memo = try StageQuestions.memo(answer)
    Witness.unseen {
      guard !isReadOnly, Files.isDirectory("\(root)/answers") else { return }
      try? AtomicFile.write(memo, to: answerPath(key))
    }
  }
}

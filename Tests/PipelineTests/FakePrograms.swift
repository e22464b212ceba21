import Artifacts
import Failures
import FoundationEssentials
import JSON
import Pipeline
import Synchronization

/// Stage programs of a few lines each behind the runner's door, with a record of every call.
final class FakePrograms: StageProcesses {
  struct State {
    var calls: [String] = []
    var questions: [String] = []
    var revisions: [String: Int] = [:]
    /// Programs that are stopped after so many steps (train-step) or fail with a code.
    var interruptAfter: Int?
    var exitCodes: [String: Int32] = [:]
    var duringRun: [String: @Sendable () -> Void] = [:]
    var signals: [Int32] = []
    var stopWhenInterrupted = false
    var omitsOutput: Set<String> = []
    /// Goes into the content of adapters, for programs that are not deterministic.
    var salt: (@Sendable () -> String)?
  }

  let memo: DigestMemo
  let state = Mutex(State())

  init(memo: DigestMemo) { self.memo = memo }

  var calls: [String] { state.withLock { $0.calls } }

  /// The calls since the last time this was asked.
  func takeCalls() -> [String] {
    state.withLock { state in
      defer { state.calls = [] }
      return state.calls
    }
  }

  func locate(_ program: String) throws(Failure) -> String {
    guard Self.descriptions[program] != nil else {
      throw Failure(.missingInput, "there is no program '\(program)'")
    }
    return program
  }

  func answer(
    _ executable: String, _ arguments: [String], environment: [String: String], directory: String
  ) async throws(Failure) -> [UInt8] {
    state.withLock { $0.questions.append(executable + " " + arguments.prefix(2).joined(separator: " ")) }
    let flags = Flags(arguments)
    if arguments[0] == "--plan" {
      return Array("{\"total_steps\": \(flags.integer("max-steps") ?? 10)}".utf8)
    }
    if arguments[0] == "--check" {
      if flags.integer("rank") == 0 {
        throw Failure(.usage, "init-adapter: --rank must be at least 1", hint: "try 8")
      }
      return []
    }
    if arguments[0] == "--influences" {
      return try Self.influences(flags, at: Int(arguments[1]) ?? 0).canonical
    }
    let revision = state.withLock { $0.revisions[executable] ?? 1 }
    let text = Self.descriptions[executable] ?? "{}"
    return Array("{\"name\":\"\(executable)\",\"revision\":\(revision),\(text)}".utf8)
  }

  /// The horizon counts under a linear schedule only; `late` acts from step 6 on.
  private static func influences(_ flags: Flags, at step: Int) -> JSON {
    var object: JSONObject = [
      "learning-rate": .number(flags.number("learning-rate") ?? 0.001),
      "schedule": .string(flags["schedule"] ?? "constant"),
    ]
    if flags["schedule"] == "linear" { object["max-steps"] = .integer(flags.integer("max-steps") ?? 10) }
    if step > 5 { object["late"] = .integer(flags.integer("late") ?? 0) }
    return .object(object)
  }

  static let descriptions = [
    "import-base": """
    "inputs":[],"output":"base","parameters":[{"name":"base-model","type":"path","default":null,"class":"result"},
      {"name":"base-model-id","type":"string","default":null,"class":"result"}]
    """,
    "prepare-data": """
    "inputs":[{"role":"base","kinds":["base"],"required":true}],"output":"dataset",
    "parameters":[{"name":"data-path","type":"path","default":null,"class":"result"},
      {"name":"cutoff-len","type":"integer","default":256,"class":"result"},
      {"name":"first-line-only","type":"boolean","default":false,"class":"result"},
      {"name":"verbose","type":"boolean","default":false,"class":"never"}]
    """,
    "init-adapter": """
    "inputs":[{"role":"base","kinds":["base"],"required":true}],"output":"checkpoint","checks":true,
    "parameters":[{"name":"rank","type":"integer","default":32,"class":"result"},
      {"name":"alpha","type":"number","default":null,"class":"result"},
      {"name":"target-modules","type":"list","default":"k_proj,v_proj","class":"result"},
      {"name":"threads","type":"integer","default":null,"class":"never"}]
    """,
    "train-step": """
    "inputs":[{"role":"base","kinds":["base"],"required":true},{"role":"dataset","kinds":["dataset"],"required":true},
      {"role":"checkpoint","kinds":["checkpoint"],"required":true}],"output":"checkpoint","segmented":true,
    "parameters":[{"name":"learning-rate","type":"number","default":0.001,"class":"result"},
      {"name":"schedule","type":"string","default":"constant","class":"result"},
      {"name":"max-steps","type":"integer","default":10,"class":"from-step"},
      {"name":"late","type":"integer","default":0,"class":"from-step"},
      {"name":"steps","type":"integer","default":null,"class":"never"},
      {"name":"threads","type":"integer","default":null,"class":"never"}]
    """,
    "evaluate": """
    "inputs":[{"role":"base","kinds":["base"],"required":true},{"role":"dataset","kinds":["dataset"],"required":true},
      {"role":"checkpoint","kinds":["checkpoint"],"required":false}],"output":"evaluation",
    "parameters":[{"name":"split","type":"string","default":"validation","class":"result"}]
    """,
  ]

  func signal(_ number: Int32) { state.withLock { $0.signals.append(number) } }

  // MARK: - Running

  func run(_ launch: StageLaunch) async throws(Failure) -> StageEnd {
    let program = launch.executable
    if program == "/bin/sh" {
      state.withLock { $0.calls.append("sh") }
      return try await LocalProcesses(siblings: "/", grace: 0.2).run(launch)
    }
    let flags = Flags(launch.arguments)
    let span = flags.integer("steps").map { " +\($0)" } ?? ""
    let (code, hook, omits) = state.withLock { state in
      state.calls.append(program + span)
      return (state.exitCodes[program], state.duringRun[program], state.omitsOutput.contains(program))
    }
    launch.progress(StageProgress(done: 1, total: 1, unit: "step"))
    hook?()
    if let code { return StageEnd(.exited(code), lastLines: ["error: it does not work", "hint: think"]) }
    if omits { return StageEnd(.exited(0)) }
    let isWhole = try make(program, flags)
    return StageEnd(.exited(isWhole ? 0 : 75))
  }

  /// Of a file, or of all files of a directory.
  private static func content(of path: String) throws(Failure) -> [UInt8] {
    guard case .directory = try FileStatus(path, followingLinks: true) else { return try Files.contents(of: path) }
    var content: [UInt8] = []
    for name in try Files.names(in: path).sorted() { content += try Files.contents(of: path + "/" + name) }
    return content
  }

  private func make(_ program: String, _ flags: Flags) throws(Failure) -> Bool {
    switch program {
    case "import-base":
      let content = try Files.contents(of: (flags["base-model"] ?? "") + "/weights")
      try publish(.base, flags, content: content, Sections.base)
    case "prepare-data":
      var content: [UInt8] = []
      for path in flags.all("data-path") { content += try Self.content(of: path) }
      if flags["first-line-only"] != nil { content = Array(content.prefix { $0 != UInt8(ascii: "\n") }) }
      content += Array("\(flags.integer("cutoff-len") ?? 256)".utf8)
      try publish(.dataset, flags, content: content, Sections.dataset)
    case "init-adapter":
      let salt = state.withLock { $0.salt }?() ?? ""
      let content = Array("rank \(flags.integer("rank") ?? 32) \(flags["target-modules"] ?? "")\(salt)".utf8)
      try publish(
        .checkpoint, flags, content: content, Sections.checkpoint(step: 0, try digest("base", flags)))
    case "train-step": return try train(flags)
    case "evaluate":
      let state = try flags["checkpoint"].map { path throws(Failure) in try Artifact.open(path, memo: memo) }
      try publish(
        .evaluation, flags, content: [],
        Sections.evaluation(
          state, base: try digest("base", flags), dataset: try digest("dataset", flags)))
    default: throw Failure(.internal, "no program \(program)")
    }
    return true
  }

  /// Each step hashes the state together with what influences the step, so that any order or cut shows.
  private func train(_ flags: Flags) throws(Failure) -> Bool {
    let start = try Artifact.open(flags["checkpoint"] ?? "", as: .checkpoint, memo: memo)
    var content = try Files.contents(of: start.path(of: "content"))
    let from = try start.section.field("step").integer()
    let limit = state.withLock { state in
      defer { state.interruptAfter = nil }
      return state.interruptAfter
    }
    let steps = flags.integer("steps") ?? 0
    let done = min(steps, limit ?? steps)
    for step in from..<from + done {
      let influences = String(decoding: try Self.influences(flags, at: step + 1).canonical, as: UTF8.self)
      let text = "\(Digest.sha256(content)) \(try digest("dataset", flags)) \(influences) \(step)"
      content = Array(text.utf8)
    }
    let section = Sections.checkpoint(step: from + done, try digest("base", flags))
    var record = RunRecord(stage: "train-step", revision: 1, inputs: [("checkpoint", start.digest)])
    record.metrics = (from..<from + done).map {
      ["step": .integer($0 + 1), "loss": .number(2 / Double($0 + 1))]
    }
    try publish(.checkpoint, flags, content: content, section, record, partial: done < steps)
    return done == steps
  }

  private func digest(_ role: String, _ flags: Flags) throws(Failure) -> Digest {
    try Artifact.open(flags[role] ?? "", memo: memo).digest
  }

  private func publish(
    _ kind: ArtifactKind, _ flags: Flags, content: [UInt8], _ section: JSONObject,
    _ record: RunRecord = RunRecord(stage: "fake", revision: 1), partial: Bool = false
  ) throws(Failure) {
    let writer = try ArtifactWriter(output: flags["output"] ?? "", kind: kind, memo: memo)
    try AtomicFile.write(content, to: try writer.path(for: "content"))
    if partial {
      _ = try writer.publishPartial(section: section, run: record)
    } else {
      _ = try writer.publish(section: section, run: record)
    }
  }
}

/// `--name value` and `--name=value`.
struct Flags {
  private var values: [String: String] = [:]
  private var all: [String: [String]] = [:]

  init(_ arguments: [String]) {
    for (index, argument) in arguments.enumerated() where argument.hasPrefix("--") {
      let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
      values[parts[0]] = parts.count > 1 ? parts[1] : index + 1 < arguments.count ? arguments[index + 1] : ""
      all[parts[0], default: []].append(values[parts[0]] ?? "")
    }
  }

  /// Of a flag that is given several times.
  func all(_ name: String) -> [String] { all[name] ?? [] }

  subscript(name: String) -> String? { values[name] }
  func integer(_ name: String) -> Int? { values[name].flatMap { Int($0) } }
  func number(_ name: String) -> Double? { values[name].flatMap { Double($0) } }
}

/// Sections that fit the schemas.
enum Sections {
  static let base: JSONObject = [
    "model_type": "llama", "architecture": "LlamaForCausalLM", "parameters": 10, "weight_dtype": "F32",
    "vocab_size": 7, "context_length": 8, "tie_word_embeddings": false, "base_model_id": nil,
    "base_model_revision": nil, "tokenizer_sha256": nil, "quantization": nil,
  ]

  private static let split: JSON = [
    "rows": 1, "tokens": 4, "supervised_tokens": 2, "truncated_rows": 0, "dropped_rows": 0, "longest_row": 4,
    "dropped": [:], "length_histogram": [],
  ]

  static let dataset: JSONObject = [
    "row_form": "tokens", "tokenizer_sha256": nil, "vocab_size": 7, "recipe": [:],
    "special_tokens": ["bos": nil, "eos": nil, "pad": nil],
    "train": split, "validation": split, "test": split, "sources": [],
  ]

  static func checkpoint(step: Int, _ base: Digest) -> JSONObject {
    [
      "base": .string(base.hex), "dataset": nil, "step": .integer(step), "rows_seen": 0, "tokens_seen": 0,
      "supervised_tokens_seen": 0, "adapter": ["peft_type": "RANDLORA"], "trainable_parameters": 5,
      "bases": "generated", "recipe": nil, "seed": 0, "loss": nil, "learning_rate": nil,
    ]
  }

  static func evaluation(_ state: Artifact?, base: Digest, dataset: Digest) throws(Failure) -> JSONObject {
    let step = try state?.section.field("step").integer()
    return [
      "base": .string(base.hex), "dataset": .string(dataset.hex),
      "checkpoint": state.map { .string($0.digest.hex) } ?? nil, "step": step.map { .integer($0) } ?? nil,
      "method": state == nil ? nil : "randlora", "trainable_parameters": state == nil ? 0 : 5,
      "split": "validation", "rows": 1, "tokens": 2, "loss": .number(2.0 / Double(1 + (step ?? 0))),
      "perplexity": 2.5, "token_accuracy": 0.5,
      "exact_match": ["rows": 4, "matched": 1, "rate": 0.25, "max_new_tokens": 8],
    ]
  }
}

import Foundation
import JSON
import TestSupport
import Testing

/// Training by prefix, with the real train-step: after a run of six steps every parameter is changed one by one, and
/// the table says from which step the runner goes on. What it then makes must equal training in one piece.
@Suite struct PrefixTests {
  private static let steps = 6

  /// What is changed, and the last known state that counts. Keys are parameters of train-step.
  private static let table: [(parameter: String, value: String, reused: Int)] = [
    ("max-steps", "8", 6),  // the rate is constant, so no step looks at the horizon
    ("max-steps", "4", 4),  // a shorter run is a beginning of the longer one
    ("num-epochs", "9", 6),  // max-steps overrides it
    ("decay-steps", "2", 6),  // a constant rate never decays
    ("save-step", "3", 6), ("save-step", "", 6), ("eval-step", "3", 6), ("threads", "2", 6),
    ("device", "cpu", 6), ("memory", "1GB", 6),
    ("learning-rate", "2e-3", 0), ("lr-scheduler-type", "linear", 0), ("warmup-steps", "2", 0),
    ("warmup-ratio", "0.5", 0), ("batch-size", "1", 0), ("gradient-accumulation-steps", "2", 0),
    ("weight-decay", "0.5", 0), ("adam-beta1", "0.5", 0), ("adam-beta2", "0.5", 0),
    ("adam-epsilon", "1e-3", 0), ("max-grad-norm", "0.1", 0), ("seed", "7", 0),
    ("shuffle", "false", 0), ("save-gradients", "true", 0),
  ]

  /// Of the same kind, after a run whose rate is constant for four steps and then decays.
  private static let decaying: [(parameter: String, value: String, reused: Int)] = [
    ("decay-steps", "1", 4),  // the decay acts from step 5 on
    ("max-steps", "8", 4),  // so does the horizon
    ("learning-rate", "2e-3", 0),
  ]

  private func sandbox(_ schedule: String) throws -> Sandbox {
    let sandbox = try Sandbox()
    try TinyModel.write(in: sandbox)
    try sandbox.write((0..<9).map { "{\"text\": \"row \($0)\"}\n" }.joined(), to: "rows.jsonl")
    try sandbox.write(
      """
      stages:
        base: {stage: import-base, with: {base-model: model}}
        data: {stage: prepare-data, base: base, with: {data-path: rows.jsonl, val-set-size: 2, cutoff-len: 16}}
        start: {stage: init-adapter, base: base, with: {rank: 2, dropout: 0.1}}
        trained:
          stage: train-step
          base: base
          dataset: data
          checkpoint: start
          with: {max-steps: \(Self.steps), save-step: 2, batch-size: 2, gradient-accumulation-steps: 1, \(schedule)}

      """, to: "p.yaml")
    #expect(try sandbox.run("randlora", ["run", "p.yaml"]).code == 0)
    return sandbox
  }

  @Test func `every parameter of train-step is in the table`() throws {
    let description = try Sandbox().succeed("train-step", ["--describe"]).json()
    let parameters = try #require(description["parameters"]?.arrayValue).compactMap { $0["name"]?.stringValue }
    let calls = ["steps", "plan", "influences"]  // say what one call does, and are the runner's own
    let missing = Set(parameters).subtracting(Self.table.map(\.parameter)).subtracting(calls)
    #expect(missing == [], "say which prefix a change of it leaves")
  }

  @Test func `a change of one parameter leaves the states that it does not influence`() throws {
    let constant = try sandbox("lr-scheduler-type: constant, learning-rate: 1e-3")
    for row in Self.table { try check(row.parameter, row.value, leaves: row.reused, in: constant) }
    let decaying = try sandbox("lr-scheduler-type: warmup_stable_decay, decay-steps: 2, learning-rate: 1e-3")
    for row in Self.decaying { try check(row.parameter, row.value, leaves: row.reused, in: decaying) }
  }

  private func check(_ parameter: String, _ value: String, leaves reused: Int, in sandbox: Sandbox) throws {
    let setting = ["--set", "trained.\(parameter)=\(value)"]
    var steps = Self.steps
    if parameter == "max-steps" { steps = Int(value) ?? 0 }
    let pipeline = parameter == "eval-step" ? try evaluating(sandbox) : "p.yaml"
    let plan = try sandbox.run("randlora", ["run", pipeline, "--dry-run", "--json"] + setting)
    #expect(plan.code == 0, "\(parameter): \(plan.errors)")
    var reasons: [String] = []
    for line in plan.output.split(separator: "\n") {
      let event = try JSONDocument(String(line), source: "plan").root
      guard event["event"]?.stringValue == "would-run", event["stage"]?.stringValue == "trained",
        event["step"]?.integerValue == steps
      else { continue }
      reasons += event["reasons"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }
    switch reused {
    case steps: #expect(reasons == [], "\(parameter)")
    case 0: #expect(reasons.contains { $0.contains(" changed: ") }, "\(parameter): \(reasons)")
    default: #expect(reasons == ["goes on from step \(reused) to \(steps)"], "\(parameter)")
    }
    if reused < steps { try compare(pipeline, setting, steps: steps, parameter, value, in: sandbox) }
  }

  private func evaluating(_ sandbox: Sandbox) throws -> String {
    let text = String(decoding: try sandbox.read("p.yaml"), as: UTF8.self)
    try sandbox.write(text + "    evaluate: true\n", to: "evaluating.yaml")
    return "evaluating.yaml"
  }

  /// Runs what is left, and all of it in one piece without the runner: the same bytes.
  private func compare(
    _ pipeline: String, _ setting: [String], steps: Int, _ parameter: String, _ value: String, in sandbox: Sandbox
  ) throws {
    let run = try sandbox.run("randlora", ["run", pipeline, "--json"] + setting)
    #expect(run.code == 0, "\(parameter): \(run.errors)")
    let outputs = try JSONDocument(String(try #require(run.output.split(separator: "\n").last)), source: "run")
      .root["outputs"]
    func object(_ stage: String) -> String { ".randlora/objects/\(outputs?[stage]?.stringValue ?? "")" }
    let record = try sandbox.json(object("trained") + "/run.json")
    var flags = record["parameters"]?.objectValue?.members.compactMap { Self.flag($0.key, $0.value) } ?? []
    flags.append("--output=whole-\(parameter)-\(value)")
    let whole = try sandbox.succeed(
      "train-step",
      ["--base", object("base"), "--dataset", object("data"), "--checkpoint", object("start"), "--json"] + flags)
    #expect(try whole.json()["digest"] == outputs?["trained"], "\(parameter)")
  }

  /// The flags of a recorded call, without what says how far it went.
  private static func flag(_ name: String, _ value: JSON) -> String? {
    if ["steps", "plan", "influences"].contains(name) { return nil }
    switch value {
    case .null: return nil
    case .bool(let isOn):
      if name == "shuffle" { return isOn ? nil : "--no-shuffle" }
      return isOn ? "--\(name)" : nil
    case .string(let text): return "--\(name)=\(text)"
    default: return "--\(name)=\(value.text(indent: 0))"
    }
  }
}

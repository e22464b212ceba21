import Artifacts
import Failures
import JSON
import Pipeline

extension RunEvent {
  var isProgress: Bool { if case .progress = self { true } else { false } }

  /// The event as `--json` prints it: `{"event": "finished", "stage": "trained", "step": 100, …}`.
  var json: JSONObject {
    switch self {
    case .reused(let label, let digest): return Self.object("reused", label, ["output": .string(digest.hex)])
    case .fetched(let label, let digest):
      return Self.object("fetched", label, ["output": .string(digest.hex)])
    case .pushed(let label, let digest, let place):
      return Self.object("pushed", label, ["output": .string(digest.hex), "to": .string(place)])
    case .wouldRun(let label, let reasons):
      return Self.object("would-run", label, ["reasons": Self.json(reasons)])
    case .waiting(let label, let holder): return Self.object("waiting", label, ["holder": .string(holder)])
    case .started(let label, let reasons):
      return Self.object("started", label, ["reasons": Self.json(reasons)])
    case .progress(let label, let progress):
      var object: JSONObject = ["done": .integer(progress.done), "total": .integer(progress.total)]
      object["unit"] = .string(progress.unit)
      if let rate = progress.rate { object["rate"] = .number(rate) }
      if let loss = progress.loss { object["loss"] = .number(loss) }
      return Self.object("progress", label, object)
    case .retrying(let label, let failure, let attempt, let retries):
      return Self.object(
        "retrying", label,
        ["message": .string(failure.message), "attempt": .integer(attempt), "retries": .integer(retries)])
    case .finished(let label, let digest, let seconds):
      return Self.object("finished", label, ["output": .string(digest.hex), "seconds": .number(seconds)])
    case .interrupted(let label, let step):
      return Self.object("interrupted", label, ["kept_step": step.map { .integer($0) } ?? .null])
    case .failed(let label, let failure, let lines, let log):
      return Self.object(
        "failed", label,
        [
          "message": .string(failure.message), "hint": failure.hint.map { .string($0) } ?? .null,
          "last_lines": .array(lines.map { .string($0) }), "log": log.map { .string($0) } ?? .null,
        ])
    case .skipped(let label, let cause): return Self.object("skipped", label, ["because": .string(cause)])
    case .exported(let label, let path): return Self.object("exported", label, ["path": .string(path)])
    case .wouldExport(let label, let path): return Self.object("would-export", label, ["path": .string(path)])
    case .compared(let label, let difference, let same):
      return Self.object("compared", label, ["same": .bool(same), "difference": difference.json])
    case .warned(let label, let text): return Self.object("warned", label, ["message": .string(text)])
    }
  }

  private static func object(_ event: String, _ label: Label, _ more: JSONObject) -> JSONObject {
    var object: JSONObject = ["event": .string(event), "stage": .string(label.stage)]
    if let step = label.step { object["step"] = .integer(step) }
    for (key, value) in more.members { object[key] = value }
    return object
  }

  private static func json(_ reasons: [RerunReason]) -> JSON { .array(reasons.map { .string($0.text) }) }
}

extension RunSummary {
  /// The last line that `--json` prints.
  var json: JSONObject {
    var outputs = JSONObject()
    for (name, digest) in self.outputs { outputs[name] = .string(digest.hex) }
    return [
      "event": "summary", "made": .integer(ran), "reused": .integer(reused), "outputs": .object(outputs),
      "unmade": .array(unmade.map { .string($0) }), "exit_code": .integer(Int(exitCode)),
    ]
  }
}

extension EvaluationResult {
  var json: JSONObject {
    [
      "stage": .string(name), "step": step.map { .integer($0) } ?? .null,
      "method": method.map { .string($0) } ?? .null, "trainable_parameters": .integer(trainableParameters),
      "loss": .number(loss), "perplexity": .number(perplexity), "token_accuracy": .number(tokenAccuracy),
      "exact_match": exactMatch.map { .number($0) } ?? .null,
    ]
  }
}

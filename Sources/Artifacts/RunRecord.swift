package import FoundationEssentials
import Glibc
package import JSON

/// How an artifact came about: `run.json`, beside the manifest and outside the digest.
package struct RunRecord: Sendable {
  package static let fileName = "run.json"

  package var stage: String
  package var revision: Int
  package var inputs: [(role: String, digest: Digest)]
  /// Every effective parameter, defaults too.
  package var parameters: JSONObject
  /// What was measured on the way, in order.
  package var metrics: [JSON] = []
  /// What the bits or the speed may depend on: host, cores, library versions.
  package var environment: JSONObject
  package var startedAt: Date

  package init(
    stage: String, revision: Int, inputs: [(role: String, digest: Digest)] = [], parameters: JSONObject = [:],
    metrics: [JSON] = [], environment: JSONObject = [:], startedAt: Date = Date()
  ) {
    (self.stage, self.revision, self.inputs, self.parameters) = (stage, revision, inputs, parameters)
    (self.metrics, self.environment, self.startedAt) = (metrics, environment, startedAt)
  }

  /// The record as it stands in `run.json` when the run ends at `finishedAt`.
  package func json(finishedAt: Date = Date()) -> JSON {
    var inputs = JSONObject()
    for input in self.inputs { inputs[input.role] = .string(input.digest.hex) }
    return [
      "stage": .string(stage),
      "revision": .integer(revision),
      "inputs": .object(inputs),
      "parameters": .object(parameters),
      "started_at": .string(startedAt.formatted(.iso8601)),
      "finished_at": .string(finishedAt.formatted(.iso8601)),
      "seconds": .number(max(finishedAt.timeIntervalSince(startedAt), 0)),
      "peak_memory_bytes": .integer(Self.peakMemory),
      "environment": .object(environment),
      "metrics": .array(metrics),
    ]
  }

  /// The text of `run.json`: for people, but with each of the metrics, which come last, on a line of its own.
  package func text(finishedAt: Date = Date()) -> String {
    guard !metrics.isEmpty else { return json(finishedAt: finishedAt).text() + "\n" }
    var others = self
    others.metrics = []
    let open = others.json(finishedAt: finishedAt).text().dropLast("]\n}".count)
    return open + metrics.map { "\n    " + $0.text(indent: 0) }.joined(separator: ",") + "\n  ]\n}\n"
  }

  /// The most memory that this process has held so far, in bytes.
  package static var peakMemory: Int {
    var usage = rusage()
    guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
    return usage.ru_maxrss * 1024
  }
}

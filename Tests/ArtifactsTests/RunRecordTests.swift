import Foundation
import JSON
import Testing

@testable import Artifacts

@Suite struct RunRecordTests {
  @Test func `each of the metrics stands on a line of its own`() throws {
    let record = RunRecord(
      stage: "train-step", revision: 1, metrics: [["step": 1, "loss": 2.5], ["step": 2, "loss": 2.25]])
    let end = Date(timeIntervalSince1970: 1)
    let text = record.text(finishedAt: end)
    #expect(text.contains("\n    {\"step\":1,\"loss\":2.5},\n    {\"step\":2,\"loss\":2.25}\n  ]\n}\n"))
    #expect(try JSONDocument(text, source: "run.json").root["metrics"] == .array(record.metrics))
  }

  @Test(arguments: [0, 1, 3]) func `the text is the record`(count: Int) throws {
    let record = RunRecord(
      stage: "evaluate", revision: 2, parameters: ["split": "train"],
      metrics: (0..<count).map { ["row": .integer($0)] })
    let end = Date(timeIntervalSince1970: 5)
    let read = try JSONDocument(record.text(finishedAt: end), source: "run.json").root
    let expected = record.json(finishedAt: end)
    for name in ["stage", "revision", "inputs", "parameters", "metrics", "finished_at"] {
      #expect(read[name] == expected[name])
    }
  }
}

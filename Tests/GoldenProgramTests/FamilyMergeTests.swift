import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// Every family from end to end through the built programs.
@Suite struct FamilyMergeTests {
  @Test(arguments: FamilyCase.all, FamilyCase.adapters)
  func `a merged model gives the logits of base and adapter`(golden: FamilyCase, kind: String) throws {
    let sandbox = try Sandbox()
    try sandbox.succeed("import-base", ["--base-model", golden.path("model"), "--output", "base"])
    let rows = try golden.rows().filter { $0.count > 1 }  // one token alone has nothing to predict
    let lines = rows.map { JSON.object(["input_ids": .array($0.map { .integer(Int($0)) })]).text(indent: 0) + "\n" }
    try sandbox.write(lines.joined(), to: "rows.jsonl")
    try sandbox.succeed("prepare-data", ["--base", "base", "--data-path", "rows.jsonl", "--output", "dataset"])
    try sandbox.succeed(
      "init-adapter", ["--base", "base", "--from-adapter", golden.path(kind), "--output", "adapter"])
    let adapted = try logits(base: "base", ["--checkpoint", "adapter"], in: sandbox)
    let expected = try kept(golden.logits(kind), rows: golden.rows())
    #expect(difference(adapted, expected) < 2e-5)
    try sandbox.succeed("merge", ["--base", "base", "--checkpoint", "adapter", "--output", "merged"])
    try sandbox.succeed("import-base", ["--base-model", "merged", "--output", "merged-base"])
    #expect(difference(try logits(base: "merged-base", [], in: sandbox), adapted) < 1e-5)
  }

  private func logits(base: String, _ more: [String], in sandbox: Sandbox) throws -> Tensor {
    let output = "evaluation-\(base)"
    try sandbox.succeed(
      "evaluate",
      ["--base", base, "--dataset", "dataset", "--split", "train", "--save-logits", "--output", output] + more)
    return try sandbox.tensors(output + "/logits.safetensors").tensor("logits").floats()
  }

  /// The logits of rows of more than one token.
  private func kept(_ logits: Tensor, rows: [[Int32]]) -> Tensor {
    let V = logits.shape[1]
    var values: [Float] = [], start = 0
    for row in rows {
      if row.count > 1 { values += logits.array[start * V..<(start + row.count) * V] }
      start += row.count
    }
    return Tensor(values, shape: [values.count / V, V])
  }
}

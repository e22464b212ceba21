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
    // As LoRA of full rank it gives the same, read from the files that PEFT reads.
    let conversion = ["--base", "base", "--checkpoint", "adapter", "--energy", "1", "--output", "lora-form"]
    try sandbox.succeed("convert-to-lora", conversion)
    try sandbox.succeed("init-adapter", ["--base", "base", "--from-adapter", "lora-form", "--output", "lora-adapter"])
    let asLoRA = try logits(base: "base", ["--checkpoint", "lora-adapter"], as: "evaluation-lora", in: sandbox)
    #expect(difference(asLoRA, adapted) < 2e-5)
    try sandbox.succeed("merge", ["--base", "base", "--checkpoint", "adapter", "--output", "merged"])
    try sandbox.succeed("import-base", ["--base-model", "merged", "--output", "merged-base"])
    #expect(difference(try logits(base: "merged-base", [], in: sandbox), adapted) < 1e-5)
  }

  /// RandLoRA and LoRA together, one of them in part: both merged at once are one merged over the other.
  @Test(arguments: FamilyCase.all.filter { !$0.name.hasSuffix("-head") && !$0.name.hasSuffix("-saved") })
  func `two adapters merge as one after the other does`(golden: FamilyCase) throws {
    let sandbox = try Sandbox()
    try sandbox.succeed("import-base", ["--base-model", golden.path("model"), "--output", "base"])
    for kind in FamilyCase.adapters {
      try sandbox.succeed("init-adapter", ["--base", "base", "--from-adapter", golden.path(kind), "--output", kind])
    }
    let lines = try golden.rows().filter { $0.count > 1 }.map { row in
      JSON.object(["input_ids": .array(row.map { .integer(Int($0)) })]).text(indent: 0) + "\n"
    }
    try sandbox.write(lines.joined(), to: "rows.jsonl")
    try sandbox.succeed("prepare-data", ["--base", "base", "--data-path", "rows.jsonl", "--output", "dataset"])
    let both = ["--base", "base", "--checkpoint", "randlora", "--checkpoint", "lora", "--weights", "1,-0.5"]
    try sandbox.succeed("merge", both + ["-o", "merged"])
    try sandbox.succeed("import-base", ["--base-model", "merged", "--output", "merged-base"])
    // The other way: LoRA taken off by half first, RandLoRA as an adapter over that.
    try sandbox.succeed("merge", ["--base", "base", "--checkpoint", "lora", "--weights", "-0.5", "-o", "less"])
    try sandbox.succeed("import-base", ["--base-model", "less", "--output", "less-base"])
    try sandbox.succeed(
      "init-adapter", ["--base", "less-base", "--from-adapter", golden.path("randlora"), "--output", "over"])
    let adapted = try logits(base: "less-base", ["--checkpoint", "over"], in: sandbox)
    // The other way rounds every weight once more.
    #expect(difference(try logits(base: "merged-base", [], in: sandbox), adapted) < 2e-5)
  }

  private func logits(base: String, _ more: [String], as name: String? = nil, in sandbox: Sandbox) throws -> Tensor {
    let output = name ?? "evaluation-\(base)"
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

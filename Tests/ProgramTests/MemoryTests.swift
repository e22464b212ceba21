import JSON
import TestSupport
import Testing

@Test func `train-step says what a step needs, keeps within --memory, and gives the same bytes`() throws {
  let sandbox = try sandboxWithBase()
  let rows = (1...6).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
  try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
  try sandbox.succeed("prepare-data", ["--base", "base", "--data-path", "data.jsonl", "-o", "data"])
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "-o", "start"])
  let flags = ["--base", "base", "--dataset", "data", "--checkpoint", "start", "--max-steps", "2"]
  let plan = try sandbox.succeed("train-step", flags + ["--plan"]).json()
  #expect(plan["total_steps"] == 2 && plan["memory"]?["recomputed_layers"] == 0)
  let total = try #require(plan["memory"]?["total_bytes"]?.integerValue)
  let free = try sandbox.succeed("train-step", flags + ["-o", "free"])
  #expect(free.errors.contains("memory of a step") && free.errors.contains("weights, mapped"))
  let less = try sandbox.succeed("train-step", flags + ["--memory", "\(total - 1)", "-o", "less"])
  #expect(less.errors.contains("layers gone through twice"))
  #expect(try sandbox.read("free/artifact.json") == sandbox.read("less/artifact.json"))
  try sandbox.fail(
    "train-step", flags + ["--memory", "1MB", "-o", "none"], code: 64, saying: "tokens needs at least")
  try sandbox.fail(
    "train-step", flags + ["--memory", "much", "-o", "none"], code: 64, saying: "--memory: 'much' is no size")
  #expect(try sandbox.succeed("train-step", ["--dataset", "data", "--max-steps", "2", "--plan"]).json() == ["total_steps": 2])
}

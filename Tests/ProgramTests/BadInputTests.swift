import TestSupport
import Testing

/// The list of bad inputs: each gives one sentence and its exit code, and leaves every file as it was.
@Suite struct BadInputTests {
  @Test(arguments: BadInput.all) func `one sentence, the right code, nothing left behind`(input: BadInput) throws {
    let sandbox = try Sandbox()
    try stock(sandbox, with: input.stock)
    try input.damage(sandbox)
    let arguments = input.arguments.split(separator: " ").map(String.init)
    try sandbox.fail(input.stage, arguments, code: input.code, saying: input.sentence)
  }

  private func stock(_ sandbox: Sandbox, with stock: BadInput.Stock) throws {
    try TinyModel.write(in: sandbox)
    if stock >= .base { try sandbox.succeed("import-base", ["--base-model", "model", "-o", "base"]) }
    if stock >= .start {
      let rows = (1...16).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
      try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
      try sandbox.succeed(
        "prepare-data",
        ["--base", "base", "--data-path", "data.jsonl", "--prompt-style", "plain", "-o", "data"])
      try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "-o", "start"])
    }
    if stock >= .trained {
      try sandbox.succeed(
        "train-step", ["--base", "base", "--dataset", "data", "--checkpoint", "start", "--max-steps", "2", "-o", "trained"])
    }
  }
}

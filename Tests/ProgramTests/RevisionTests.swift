import JSON
import TestSupport
import Testing

/// What each stage makes of the tiny model, where no BLAS takes part: by stage, its revision and the output's digest.
///
/// When a digest changes, the same inputs give other bytes: raise the stage's revision together with it, so that no
/// runner takes results of the old code for those of the new.
private let golden: [(stage: String, revision: Int, arguments: [String], digest: String)] = [
  (
    "import-base", 1, ["--base-model", "model", "--base-model-id", "org/tiny@v1"],
    "2bdf8debf82fea98ff0764bbb272693814afe341cd1860816243a2ad4d6f124e"
  ),
  (
    "prepare-data", 3, ["--base", "import-base", "--data-path", "data.jsonl", "--val-set-size", "3"],
    "ea096fe72719fc7b4e37cdc2ced05cf187c2a18e83f713fc8b2700d4c1e96a8b"
  ),
  (
    "init-adapter", 1, ["--base", "import-base", "--rank", "2"],
    "4c90185d6ca6262278790ecad2b9751ead7c44f6b4ad50b710a02da092517b2b"
  ),
  (
    "merge", 2, ["--base", "import-base", "--checkpoint", "init-adapter", "--dtype", "bfloat16"],
    "00f884386722833f906632a987ae2e8ecdff999232576d80003f57868cab0589"
  ),
  (
    "push-artifact", 1,
    ["--artifact", "init-adapter", "--base", "import-base", "--to", "dir:peft"],
    "d5daece2f35aef033edc962507be10a0f45afebeafccfdcb077a812d08a127e0"
  ),
]

@Test func `the same inputs give the bytes that the stage's revision stands for`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  let rows = (1...9).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
  try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
  for (stage, revision, arguments, digest) in golden {
    let result = try sandbox.succeed(stage, arguments + ["--json", "-o", stage]).json()
    #expect(result["digest"]?.stringValue == digest, "\(stage) gives other bytes: raise its revision")
    #expect(try sandbox.json(stage + "/run.json")["revision"] == .integer(revision), "\(stage)")
  }
}

import JSON
import TestSupport
import Testing

/// What each stage makes of the tiny model, on every processor: by stage, its revision and the output's digest.
///
/// When a digest changes, the same inputs give other bytes: raise the stage's revision together with it, so that no
/// runner takes results of the old code for those of the new.
private let golden: [(stage: String, revision: Int, arguments: [String], digest: String)] = [
  (
    "import-base", 3, ["--base-model", "model", "--base-model-id", "org/tiny@v1"],
    "826fa34abd801522c3bbde3c223e3d215ffbb58de911a66cd3dc337c7181182c"
  ),
  (
    "prepare-data", 6, ["--base", "import-base", "--data-path", "data.jsonl", "--val-set-size", "3"],
    "4492cac4f3c1de9e66fed6de230e8998cef25832ab17939fa4efbe3e8d811c11"
  ),
  (
    "init-adapter", 1, ["--base", "import-base", "--rank", "2"],
    "81c4452cf1dbae8696fd55ba308043d04f23fabcded2632b5c93bc9cf195a215"
  ),
  (
    "train-step", 5,
    ["--checkpoint", "init-adapter", "--base", "import-base", "--dataset", "prepare-data", "--max-steps", "2"],
    "cb1acb18a260b56a3f64233e32ebfe66a641ef0794fd62f7a9b8b4316366408f"
  ),
  (
    "evaluate", 5, ["--base", "import-base", "--checkpoint", "train-step", "--dataset", "prepare-data"],
    "c0e899b3de0d2628ea30a1d3843284a60ae46097046451e0a689b2370ef0ea98"
  ),
  (
    "merge", 6, ["--base", "import-base", "--checkpoint", "init-adapter", "--dtype", "bfloat16"],
    "d1162f4e5bad641e6712174974660381dbedab8d1eddfc7eb5e1baeec5aedeb3"
  ),
  (
    "push-artifact", 2,
    ["--artifact", "init-adapter", "--base", "import-base", "--to", "dir:peft"],
    "0ecde293f8a33c267f4530df135c937ca0d423d1e8d46a26af6463ade78d735f"
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

import Foundation
import JSON
import TestSupport
import Testing

private let rows = (1...20).map {
  #"{"instruction":"Add one.","input":"\#($0)","output":"\#($0 + 1)"}"#
}.joined(separator: "\n")

/// A sandbox with a base and rows of instructions in data.jsonl.
private func sandboxWithData() throws -> Sandbox {
  let sandbox = try sandboxWithBase()
  try sandbox.write(rows, to: "data.jsonl")
  return sandbox
}

@Test func `prepare-data makes the same dataset twice, wherever the data lies`() throws {
  let sandbox = try sandboxWithData()
  try FileManager.default.createDirectory(
    atPath: sandbox.path("elsewhere"), withIntermediateDirectories: true)
  try FileManager.default.copyItem(
    atPath: sandbox.path("data.jsonl"), toPath: sandbox.path("elsewhere/data.jsonl"))
  let first = try sandbox.succeed(
    "prepare-data",
    ["--base", "base", "--data_path", "data.jsonl", "--val_set_size", "4", "--prompt_style", "plain"]
      + ["--cutoff_len", "100", "--json", "-o", "one"]
  ).json()
  let second = try sandbox.succeed(
    "prepare-data",
    [
      "--base", "base", "--data-path", "elsewhere/data.jsonl", "--val-set-size=4", "--prompt-style", "plain",
      "--threads", "3",
    ]
      + ["--cutoff-len", "100", "--json", "-o", "two"]
  ).json()
  let section = try #require(first["result"])
  #expect(section["train"]?["rows"] == 16 && section["validation"]?["rows"] == 4)
  #expect(section["special_tokens"] == ["bos": 256, "eos": 257, "pad": 258])
  #expect(section["sources"]?.arrayValue?.first?["name"] == "data.jsonl")
  #expect(second["digest"] == first["digest"])
}

@Test func `a dataset is up to date until its data changes`() throws {
  let sandbox = try sandboxWithData()
  let arguments = ["--base", "base", "--data-path", "data.jsonl", "-o", "data"]
  let first = try sandbox.succeed("prepare-data", arguments)
  #expect(first.errors.contains("train         20"))
  #expect(first.output.isEmpty)
  let again = try sandbox.succeed("prepare-data", arguments + ["--preview", "3"])
  #expect(again.errors.hasPrefix("'data' is up to date"))
  try sandbox.write(rows + "\n" + #"{"text":"more"}"#, to: "data.jsonl")
  try sandbox.fail("prepare-data", arguments, code: 65, saying: "data.jsonl:21")
  try sandbox.write(String(rows.dropLast(2)) + #"0"}"#, to: "data.jsonl")
  try sandbox.fail("prepare-data", arguments, code: 73, saying: "data exists and holds another artifact")
}

@Test func `a preview shows what is learned`() throws {
  let sandbox = try sandboxWithData()
  let outcome = try sandbox.succeed(
    "prepare-data", ["--base", "base", "--data-path", "data.jsonl", "--preview", "1", "-o", "data"])
  #expect(outcome.errors.contains("⟦2</s>⟧"))
  let quiet = try sandbox.succeed(
    "prepare-data",
    [
      "--base", "base", "--data-path", "data.jsonl", "--cutoff-len", "64", "--prompt-style", "plain",
      "--train-on-inputs", "--quiet", "-o", "other",
    ])
  #expect(quiet.errors.isEmpty)
}

@Test func `a coloured preview marks what is learned, and nothing is coloured where nobody asks`() throws {
  let sandbox = try sandboxWithData()
  let arguments = ["--base", "base", "--data-path", "data.jsonl", "--preview", "1", "-o"]
  let plain = try sandbox.succeed("prepare-data", arguments + ["plain"]).errors
  #expect(!plain.contains("\u{1B}"))
  let forced = ["CLICOLOR_FORCE": "1"]
  let refused = try sandbox.run(
    "prepare-data", arguments + ["refused"], environment: forced.merging(["NO_COLOR": "1"]) { $1 })
  #expect(refused.code == 0 && !refused.errors.contains("\u{1B}") && refused.errors.contains("⟦2</s>⟧"))
  let colored = try sandbox.run("prepare-data", arguments + ["colored"], environment: forced).errors
  // Every token stands between its style and the end of it.
  let tokens = colored.split(separator: "\u{1B}[").map { $0.split(separator: "m", maxSplits: 1).map(String.init) }
  let learned = tokens.filter { ["1;32", "1;36"].contains($0[0]) }.map { $0.count > 1 ? $0[1] : "" }
  let prompt = tokens.filter { $0[0] == "2" && $0.count > 1 }.map { $0[1] }
  let marked = plain.split(separator: "⟦", maxSplits: 1)[1].split(separator: "⟧")[0]
  #expect(learned.joined() == marked, "\(colored)")
  #expect(prompt.first == "<s>", "\(colored)")
}

@Test func `what data says to a terminal is shown and not done`() throws {
  let sandbox = try sandboxWithBase()
  try sandbox.write(#"{"text":"a\u001b[2Jb\u0007\tc"}"#, to: "data.jsonl")
  let arguments = ["--base", "base", "--data-path", "data.jsonl", "--preview", "1", "-o"]
  let plain = try sandbox.succeed("prepare-data", arguments + ["plain"]).errors
  #expect(plain.contains("a␛[2Jb␇\tc") && !plain.contains("\u{1B}"), "\(plain)")
  let colored = try sandbox.run("prepare-data", arguments + ["colored"], environment: ["CLICOLOR_FORCE": "1"]).errors
  #expect(colored.contains("␛") && !colored.contains("\u{1B}[2J") && !colored.contains("\u{7}"), "\(colored)")
  try sandbox.write("{\"text\":\"a\u{1B}b\"}", to: "bad\u{1B}.jsonl")
  let failed = try sandbox.run("prepare-data", ["--base", "base", "--data-path", "bad\u{1B}.jsonl", "-o", "none"])
  #expect(failed.code == 65 && failed.errors.contains("bad␛.jsonl:1:11") && !failed.errors.contains("\u{1B}"), "\(failed.errors)")
}

@Test func `rows of tokens need no tokenizer`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  for file in ["tokenizer.json", "tokenizer_config.json"] {
    try FileManager.default.removeItem(atPath: sandbox.path("model/" + file))
  }
  try sandbox.succeed("import-base", ["--base-model", "model", "-o", "base"])
  try sandbox.write(#"{"input_ids":[1,2,3,4]}"#, to: "tokens.jsonl")
  let result = try sandbox.succeed(
    "prepare-data", ["--base", "base", "--data-path", "tokens.jsonl", "--json", "-o", "data"]
  ).json()["result"]
  #expect(result?["tokenizer_sha256"]?.isNull == true && result?["train"]?["tokens"] == 4)
  try sandbox.write(rows, to: "data.jsonl")
  try sandbox.fail(
    "prepare-data", ["--base", "base", "--data-path", "data.jsonl", "-o", "other"], code: 66,
    saying: "tokenizer")
}

@Test func `several files, patterns and directories make one dataset with splits by name`() throws {
  let sandbox = try sandboxWithBase()
  try FileManager.default.createDirectory(atPath: sandbox.path("data"), withIntermediateDirectories: true)
  try sandbox.write("question,answer\nOne?,1\n\"Two,\ntoo?\",2\n", to: "data/train-a.csv")
  try sandbox.write(#"[{"question":"Three?","answer":"3"}]"#, to: "data/train-b.json")
  try sandbox.write(#"{"question":"Four?","answer":"4"}"#, to: "data/validation.jsonl")
  try sandbox.write(#"{"question":"Five?","answer":"5"}"#, to: "data/test.jsonl")
  let fields = ["--field", "instruction=question", "--field", "output=answer"]
  let arguments = ["prepare-data", "--base", "base", "--prompt-style", "plain"].dropFirst() + fields + ["--json", "-o"]
  let whole = try sandbox.succeed("prepare-data", arguments + ["one", "--data-path", "data"]).json()
  let section = try #require(whole["result"])
  #expect(["train", "validation", "test"].map { section[$0]?["rows"] } == [3, 1, 1])
  #expect(section["recipe"]?["field"] == ["instruction": "question", "output": "answer"])
  let pattern = try sandbox.succeed("prepare-data", arguments + ["two", "--data-path", "data/*"]).json()
  #expect(pattern["digest"] == whole["digest"])
  let again = try sandbox.succeed("prepare-data", arguments + ["one", "--data-path", "data"])
  #expect(again.errors.hasPrefix("'one' is up to date"))
  // As a runner writes a list of a pipeline file.
  let files = ["--data-path=data/train-a.csv", "--data-path=data/train-b.json"]
  let two = ["three"] + files + ["--split-long-texts"]
  #expect(try sandbox.succeed("prepare-data", arguments + two).json()["result"]?["train"]?["rows"] == 3)
  try sandbox.fail("prepare-data", arguments + ["four", "--data-path", "none*"], code: 66, saying: "no file fits 'none*'")
}

@Test func `an archive of test rows alone is nothing to train on`() throws {
  let sandbox = try sandboxWithBase()
  try sandbox.write(#"{"text":"a"}"#, to: "test.jsonl")
  let tar = try Process.run(
    URL(fileURLWithPath: "/bin/tar"), arguments: ["-cf", sandbox.path("a.tar"), "-C", sandbox.directory, "./test.jsonl"])
  tar.waitUntilExit()
  try sandbox.fail(
    "prepare-data", ["--base", "base", "--data-path", "a.tar", "-o", "data"], code: 65,
    saying: "a.tar: by the names of their files all 1 rows are for testing")
}

@Test func `a damaged archive leaves no dataset behind`() throws {
  let sandbox = try sandboxWithBase()
  try Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x55, 0xAA]).write(to: URL(fileURLWithPath: sandbox.path("a.jsonl")))
  try sandbox.fail(
    "prepare-data", ["--base", "base", "--data-path", "a.jsonl", "-o", "data"], code: 65, saying: "a.jsonl")
}

@Test func `memory does not grow with the data`() throws {
  let sandbox = try sandboxWithBase()
  let row = Array("{\"text\":\"a row\",\"unused\":\"\(String(repeating: "x", count: 100_000))\"}\n".utf8)
  try sandbox.write("", to: "large.jsonl")
  let file = try FileHandle(forWritingTo: URL(fileURLWithPath: sandbox.path("large.jsonl")))
  for _ in 0..<1000 { try file.write(contentsOf: row) }
  try file.close()
  let outcome = try sandbox.run(
    "prepare-data",
    // One thread: the limit counts stacks too.
    [
      "--base", "base", "--data-path", "large.jsonl", "--val-set-size", "0.1", "--threads", "1", "--json", "-o", "data",
    ], dataLimit: 64 << 10)
  #expect(outcome.code == 0, "\(outcome.errors)")
  #expect(try outcome.json()["result"]?["sources"]?.arrayValue?[0]["rows"] == 1000)
}

@Test func `prepare-data names what is wrong with the data`() throws {
  let sandbox = try sandboxWithData()
  func fail(
    _ text: String, _ code: Int32, _ message: String, _ options: [String] = [],
    _ at: SourceLocation = #_sourceLocation
  ) throws {
    try sandbox.write(text, to: "bad.jsonl")
    try sandbox.fail(
      "prepare-data", ["--base", "base", "--data-path", "bad.jsonl", "-o", "data"] + options, code: code,
      saying: message, sourceLocation: at)
  }
  try fail("", 65, "bad.jsonl: the file is empty")
  try fail(rows + "\n{\"instruction\":", 65, "bad.jsonl:21:")
  try fail(#"{"instruction":"a","outptu":"c"}"#, 65, "bad.jsonl:1")
  try fail(#"{"input_ids":[1,2,999]}"#, 65, "bad.jsonl:1")
  try fail(#"{"input_ids":[1,2],"labels":[-100,-100]}"#, 65, "bad.jsonl: none of 1 rows is left to learn from: 1 with nothing to learn")
  try fail(rows, 65, "none of 20 rows is left to learn from: 20 with nothing to learn", ["--cutoff-len", "8"])
  try fail(rows, 64, "the cutoff length must be from 2 to", ["--cutoff-len", "1"])
  try fail(rows, 65, "--val-set-size leaves none of 20 rows to train on", ["--val-set-size", "20"])
  try fail(rows, 64, "--val-set-size must be a number of rows or a share", ["--val-set-size", "1.5"])
  try fail(rows, 64, "The value 'chat' is invalid for '--prompt-style", ["--prompt-style", "chat"])
  try fail(rows, 66, "nowhere.jsonl", ["--val-data-path", "nowhere.jsonl"])
  try sandbox.fail(
    "prepare-data", ["--base", "base", "--data-path", "nowhere.jsonl", "-o", "data"], code: 66,
    saying: "nowhere.jsonl")
}

import Foundation
import JSON
import TestSupport
import Testing

@Test func `show, lineage and diff answer for people and for programs`() throws {
  let pipeline = try ShellPipeline()
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.run("run", "pipeline.yaml", "--set", "minimum=1").code == 0)
  try pipeline.sandbox.write("some more words\n", to: "words.txt")
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  let shown = try pipeline.run("show", "counted").output
  #expect(shown.hasPrefix("base "))
  #expect(shown.contains("\nmade by count-words, revision 1\n  as               counted\n"), "\(shown)")
  #expect(shown.hasSuffix("\n  --minimum        0\n"), "\(shown)")
  let digest = try #require(try pipeline.run("show", "counted", "--json").json()["digest"]?.stringValue)
  let byDirectory = try pipeline.run("show", ".randlora/objects/\(digest)").output
  #expect(byDirectory.split(separator: "\n").dropFirst(2) == shown.split(separator: "\n").dropFirst(2))
  #expect(try pipeline.run("show", "out/counted").output.contains("made by count-words"))
  let lineage = try pipeline.run("lineage", String(digest.prefix(9))).output
  #expect(lineage.hasPrefix("base \(digest.prefix(12)) (counted, count-words r1)\n└─ text: content "), "\(lineage)")
  #expect(try pipeline.run("lineage", "counted", "--json").json()["nodes"]?.arrayValue?.count == 1)
  let first = try #require(try pipeline.names(".randlora/objects").first { $0 != digest })
  let difference = try pipeline.run("diff", first, digest).output
  #expect(difference.contains("\n  content of 'text' changed\n  count: other content\n"), "\(difference)")
  #expect(try pipeline.run("diff", digest, digest).output == "the same base: \(digest)\n")
  let lines = try pipeline.run("log", "pipeline.yaml", "counted", "--json").output.split(separator: "\n")
  #expect(lines.count == 3)
  for words in [["log", "--json"], ["log", "counted", "--json"], ["log", "counted", "--store", ".randlora", "--json"]] {
    #expect(try pipeline.run(arguments: words).output.split(separator: "\n") == lines, "\(words)")
  }
  for command in ["status", "explain"] {
    let event = try pipeline.run(command, "pipeline.yaml", "--json").json()
    #expect(event["event"]?.stringValue == "reused")
  }
  let graph = try pipeline.run("graph", "pipeline.yaml", "--format", "json").json()
  #expect(graph["stages"]?.arrayValue?.first?["program"]?.stringValue == "count-words")
  let line = try JSONDocument(String(lines[0]), source: "log").root
  #expect(line["action"]?["parameters"]?["minimum"] == .integer(0))
}

@Test func `what cannot be found is said in one sentence`() throws {
  let pipeline = try ShellPipeline()
  let noStore = try pipeline.run("show", "counted")
  #expect(noStore.code == 66)
  #expect(noStore.errors.hasPrefix("error: there is no store at .randlora\nhint: name one with --store"))
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  for command in ["show", "lineage"] {
    let outcome = try pipeline.run(command, "conuted")
    #expect(outcome.code == 66)
    #expect(outcome.errors.contains("'conuted' is no directory, and the store "), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix("hint: did you mean 'counted'?\n"))
  }
  #expect(try pipeline.run("log", "pipeline.yaml", "conuted").code == 64)
  let unknown = try pipeline.run("log", "conuted")
  #expect(unknown.code == 66)
  #expect(unknown.errors.hasSuffix("hint: did you mean 'counted'?\n"), "\(unknown.errors)")
  #expect(unknown.errors.hasPrefix("error: 'conuted' is no pipeline file, and the store "), "\(unknown.errors)")
  let unused = try pipeline.run("log", "--set", "minimum=1")
  #expect((unused.code, unused.errors) == (64, "error: --set needs the pipeline file that it is for\n"))
  #expect(try pipeline.run("gc", "--max-size", "many").code == 64)
  #expect(try pipeline.run("gc", "--max-age", "3x").code == 64)
}

@Test func `the name of a matrix stands for its stages`() throws {
  let pipeline = try ShellPipeline()
  try pipeline.sandbox.write(
    "stages: {counted: {stage: count-words, matrix: {minimum: [0, 1]}, with: {text: words.txt, minimum: \"${matrix.minimum}\"}}}\n",
    to: "pipeline.yaml")
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.run("log", "counted", "--json").output.split(separator: "\n").count == 2)
  let shown = try pipeline.run("show", "counted")
  #expect(shown.code == 64)
  let expected = "error: 'counted' stands for 2 stages\nhint: name one: counted[minimum=0], counted[minimum=1]\n"
  #expect(shown.errors == expected, "\(shown.errors)")
  #expect(try pipeline.run("show", "counted[minimum=1]").code == 0)
}

@Test func `verify puts aside what is damaged and gc removes it`() throws {
  let pipeline = try ShellPipeline()
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  let whole = try pipeline.run("verify", "--quiet")
  #expect(whole.code == 0)
  #expect(whole.output == "1 artifacts (2 B) and 1 records are whole\n")
  let digest = try #require(try pipeline.names(".randlora/objects").first)
  try pipeline.sandbox.edit(".randlora/objects/\(digest)/count") { $0[0] ^= 1 }
  let damaged = try pipeline.run("verify", "--json", "--quiet")
  #expect(damaged.code == 65)
  #expect(try damaged.json()["damaged"]?.arrayValue?.first?["digest"]?.stringValue == digest)
  #expect(try pipeline.names(".randlora/damaged").count == 1)
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.names(".randlora/objects") == [digest])
  #expect(try pipeline.run("gc", "--dry-run").output.hasPrefix("would remove 0 artifacts (0 B); 1 ("))
  #expect(try pipeline.run("gc").code == 0)
  #expect(try pipeline.names(".randlora/damaged") == [])
  #expect(try pipeline.run("pin", "counted").code == 0)
  #expect(try pipeline.run("pin").output == digest + "\n")
  #expect(try pipeline.run("gc", "--max-size", "0").output.hasPrefix("removed 0 artifacts"))
  #expect(try pipeline.run("pin", "counted", "--remove").code == 0)
  let removed = try pipeline.run("gc", "--max-size", "0B", "--json").json()
  #expect(removed["removed"]?.arrayValue?.first?["reason"]?.stringValue == "size")
  #expect(try pipeline.names(".randlora/objects") == [])
}

@Test func `a result is read in full where that is asked for`() throws {
  let pipeline = try ShellPipeline()
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  let outcome = try pipeline.run("run", "pipeline.yaml", "--verify", "always")
  #expect(outcome.code == 0)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
  #expect(try pipeline.run("run", "pipeline.yaml", "--verify", "never").code == 64)
}

@Test func `a stage that is not deterministic is found`() throws {
  let sound = try ShellPipeline()
  let same = try sound.run("check-determinism", "pipeline.yaml", "counted")
  #expect(same.code == 0, "\(same.errors)")
  #expect(same.output == "all 1 results are the same\n")
  #expect(try sound.sandbox.read("calls") == Data("ran\nran\n".utf8))
  let odd = try ShellPipeline("cp calls here; text=here")
  let different = try odd.run("check-determinism", "pipeline.yaml", "counted")
  #expect(different.code == 65)
  #expect(different.errors.contains("differs   counted\n          count: other content\n"), "\(different.errors)")
  #expect(different.errors.contains("error: 1 of 1 results differ from those of the first run\n"))
}

@Test func `a result that was made by hand is adopted`() throws {
  let pipeline = try ShellPipeline()
  let made = try pipeline.run("count-words", "--text=words.txt", "--output", "mine")
  #expect(made.code == 0)
  let adopted = try pipeline.run("adopt", "pipeline.yaml", "counted", "mine")
  #expect(adopted.code == 0, "\(adopted.errors)")
  #expect(adopted.output.hasPrefix("counted is now "))
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
  try pipeline.sandbox.write("one\n", to: "words.txt")
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  let late = try pipeline.run("adopt", "pipeline.yaml", "counted", "mine")
  #expect(late.code == 73)
  #expect(late.errors.contains("the result of 'counted' is known already, and it is another: "), "\(late.errors)")
}

@Test func `FILE:STAGE is what a stage has now, whatever was made since`() throws {
  let sandbox = try Sandbox()
  try sandbox.write(
    """
    variables: {n: 1}
    stages:
      one: {command: 'echo number ${n} > $output/x', outputs: [x]}
      each: {command: 'echo each ${matrix.i} > $output/x', outputs: [x], matrix: {i: [1, 2]}}

    """, to: "p.yaml")
  for setting in ["n=1", "n=2", "n=1"] { try sandbox.succeed("randlora", ["run", "p.yaml", "--set", setting]) }
  func text(_ artifact: String, _ flags: [String] = []) throws -> String {
    let directory = try sandbox.succeed("randlora", ["show", artifact, "--json"] + flags).json()["path"]?.stringValue
    return try String(contentsOfFile: #require(directory) + "/x", encoding: .utf8)
  }
  #expect(try text("one") == "number 2\n")
  #expect(try text("p.yaml:one") == "number 1\n")
  #expect(try text("p.yaml:one", ["--set", "n=2"]) == "number 2\n")
  #expect(try text("p.yaml:each[i=2]") == "each 2\n")
  try sandbox.succeed("randlora", ["lineage", "p.yaml:one"])
  try sandbox.succeed("randlora", ["pin", "p.yaml:one"])
  #expect(try sandbox.succeed("randlora", ["diff", "p.yaml:one", "p.yaml:one"]).output.hasPrefix("the same directory"))
  for (arguments, code, message) in [
    (["show", "p.yaml:one", "--set", "n=3"], 66, "p.yaml: the stage 'one' has no result as the file is now"),
    (["show", "p.yaml:each"], 64, "'each' stands for 2 stages"),
    (["show", "p.yaml:two"], 64, "p.yaml: there is no stage 'two'"),
    (["show", "one", "--set", "n=3"], 64, "--set is for artifacts named FILE:STAGE"),
  ] {
    try sandbox.fail("randlora", arguments, code: Int32(code), saying: message)
  }
}

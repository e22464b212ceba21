import Foundation
import JSON
import TestSupport
import Testing

@Test func `a program with --describe is a stage at once`() throws {
  let pipeline = try ShellPipeline()
  let first = try pipeline.run("run", "pipeline.yaml")
  #expect(first.code == 0, "\(first.errors)")
  #expect(try pipeline.sandbox.read("out/counted/count") == Data("2\n".utf8))
  let second = try pipeline.run("run", "pipeline.yaml", "--json")
  #expect(second.code == 0)
  #expect(second.output.hasPrefix(#"{"event":"reused","stage":"counted""#), "\(second.output)")
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
  let status = try pipeline.run("status", "pipeline.yaml", "--set", "minimum=1")
  #expect(status.output.contains("counted  to run  minimum changed: 0 → 1"), "\(status.output)")
  #expect(try pipeline.run("explain", "pipeline.yaml").output.hasPrefix("counted is up to date: "))
  #expect(try pipeline.run("graph", "pipeline.yaml").output == "counted (count-words)\n")
  #expect(try pipeline.run("log", "pipeline.yaml", "counted").output.contains(".randlora/logs/"))
}

@Test func `results that nobody receives are an error`() throws {
  let pipeline = try ShellPipeline()
  try pipeline.sandbox.write("#!/bin/sh\nexec \"$@\" > /dev/full\n", to: "bin/into-nothing")
  try FileManager.default.setAttributes(
    [.posixPermissions: 0o755], ofItemAtPath: pipeline.sandbox.path("bin/into-nothing"))
  let programs = Bundle.main.bundleURL.path
  for arguments in [
    ["randlora", "run", "pipeline.yaml", "--json"], ["randlora", "status", "pipeline.yaml"],
    ["randlora", "show", "out/counted"], ["import-base", "--describe"], ["evaluate", "--help"],
  ] {
    let outcome = try pipeline.run(
      arguments: ["into-nothing", programs + "/" + arguments[0]] + Array(arguments.dropFirst()))
    #expect(outcome.code == 74, "\(arguments)")
    #expect(
      outcome.errors.contains("error: cannot write to standard output: No space left on device\n"),
      "\(arguments): \(outcome.errors)")
  }
}

@Test func `a name that is not UTF-8 is refused and not taken for another`() throws {
  let pipeline = try ShellPipeline()
  try pipeline.sandbox.write("#!/bin/sh\nexec \"$@\" --output \"$(printf 'o\\377')\"\n", to: "bin/with-bytes")
  try FileManager.default.setAttributes(
    [.posixPermissions: 0o755], ofItemAtPath: pipeline.sandbox.path("bin/with-bytes"))
  for program in ["init-adapter", "randlora"] {
    let outcome = try pipeline.run("with-bytes", Bundle.main.bundleURL.appendingPathComponent(program).path)
    #expect(outcome.code == 64)
    #expect(outcome.errors.hasPrefix("error: the argument 'o\u{FFFD}' is not valid UTF-8\n"), "\(outcome.errors)")
  }
}

@Test func `status tells what cannot run, and asking leaves no trace`() throws {
  let pipeline = try ShellPipeline()
  try pipeline.sandbox.write(
    """
    stages:
      counted: {stage: count-words, with: {text: words.txt}}
      lost: {stage: count-words, with: {text: nowhere.txt}}

    """, to: "two.yaml")
  for question in ["status", "explain", "graph"] { _ = try pipeline.run(question, "two.yaml") }
  #expect(try pipeline.run("run", "pipeline.yaml", "--dry-run").code == 0)
  #expect(!FileManager.default.fileExists(atPath: pipeline.sandbox.path(".randlora")))
  let status = try pipeline.run("status", "two.yaml")
  #expect(status.code == 66)
  #expect(status.output.contains("counted  to run"), "\(status.output)")
  #expect(status.output.contains("lost     cannot run  there is no file or directory at "), "\(status.output)")
  let forced = try pipeline.run("run", "two.yaml", "counted", "--force", "lost")
  #expect(forced.code == 64)
  #expect(forced.errors.hasPrefix("error: --force lost: nothing that is asked for is made from 'lost'\n"))
}

@Test func `a program is asked about its options in its stage's environment`() throws {
  let pipeline = try ShellPipeline()
  let script = String(decoding: try pipeline.sandbox.read("bin/count-words"), as: UTF8.self)
    .replacingOccurrences(of: "#!/bin/sh\n", with: """
      #!/bin/sh
      if [ "$1" = --check ]; then [ "$WORDS" = yes ] && exit; echo "error: no --minimum without words" >&2; exit 64; fi

      """)
    .replacingOccurrences(of: #""output":"base","#, with: #""output":"base","checks":true,"#)
  try pipeline.sandbox.write(script, to: "bin/count-words")
  try FileManager.default.setAttributes(
    [.posixPermissions: 0o755], ofItemAtPath: pipeline.sandbox.path("bin/count-words"))
  let refused = try pipeline.run("run", "pipeline.yaml")
  #expect(refused.code == 65)
  #expect(refused.errors == "error: pipeline.yaml:3:66: count-words: no --minimum without words\n")
  let yaml = String(decoding: try pipeline.sandbox.read("pipeline.yaml"), as: UTF8.self)
  try pipeline.sandbox.write(
    yaml.replacingOccurrences(of: "stage: count-words,", with: "stage: count-words, environment: {WORDS: yes},"),
    to: "pipeline.yaml")
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
}

@Test func `a program that does not say what it is`() throws {
  let pipeline = try ShellPipeline()
  let script = pipeline.sandbox.path("bin/count-words")
  for (body, expected) in [
    ("exit 3", "count-words --describe failed with exit code 3\n"), ("kill -9 $$", "count-words --describe was killed\n"),
    ("echo 'error: no words' >&2; echo 'hint: speak' >&2; exit 66", "error: pipeline.yaml:3:20: count-words: no words\nhint: speak\n"),
  ] {
    try pipeline.sandbox.write("#!/bin/sh\n\(body)\n", to: "bin/count-words")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
    let outcome = try pipeline.run("run", "pipeline.yaml")
    #expect(outcome.errors.hasSuffix(expected), "\(outcome.errors)")
  }
}

@Test func `randlora STAGE runs the program of that name`() throws {
  let pipeline = try ShellPipeline()
  let outcome = try pipeline.run("count-words", "--describe")
  #expect(outcome.code == 0)
  #expect(outcome.output.hasPrefix(#"{"name":"count-words""#))
  let unknown = try pipeline.run("cuont-words")
  #expect(unknown.code == 64)
}

@Test func `a failed stage shows its last lines and passes its exit code on`() throws {
  let pipeline = try ShellPipeline("echo 'error: the words are bad' >&2; exit 66")
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.code == 66)
  #expect(
    outcome.errors.contains("error: counted: count-words failed with exit code 66"), "\(outcome.errors)")
  #expect(outcome.errors.contains("  | error: the words are bad"))
  #expect(outcome.errors.contains("  log: \(pipeline.sandbox.directory)/.randlora/logs/"))
  #expect(try pipeline.names(".randlora/objects") == [])
  #expect(try pipeline.names(".randlora/tmp") == [])
  #expect(try pipeline.names(".randlora/locks") == [])
}

@Test func `success without an output is a failure`() throws {
  let pipeline = try ShellPipeline("exit 0")
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.code == 65)
  #expect(outcome.errors.contains("count-words ended with success but wrote no artifact to --output"))
}

@Test func `an input that changes while the stage runs is not recorded`() throws {
  let pipeline = try ShellPipeline("echo more >> words.txt")
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.code == 65)
  #expect(outcome.errors.contains("words.txt changed while the stage ran, so its result is not kept"))
  #expect(try pipeline.names(".randlora/actions") == [])
}

@Test func `a stage and its children die with their runner`() throws {
  let pipeline = try ShellPipeline("echo $$ > id; sleep 300 & touch started; wait")
  let runner = try pipeline.start("run", "pipeline.yaml")
  try pipeline.wait(for: "started")
  let group = try #require(Int32(String(decoding: pipeline.sandbox.read("id").dropLast(), as: UTF8.self)))
  #expect(living(of: group) >= 2)
  kill(runner.processIdentifier, SIGKILL)
  runner.waitUntilExit()
  for _ in 0..<200 where living(of: group) > 0 { usleep(50_000) }
  #expect(living(of: group) == 0)
}

@Test func `a killed runner leaves nothing that counts, and the next run waits for its orphan`() throws {
  let pipeline = try ShellPipeline("touch started; while [ ! -e go ]; do sleep 0.05; done")
  let runner = try pipeline.start("run", "pipeline.yaml")
  try pipeline.wait(for: "started")
  let guardian = try #require(children(of: runner.processIdentifier).first { commandLine(of: $0).contains("trap") })
  kill(guardian, SIGKILL)  // or it would kill the stage
  kill(runner.processIdentifier, SIGKILL)
  runner.waitUntilExit()
  let refused = try pipeline.run("run", "pipeline.yaml", "--no-wait")
  #expect(refused.code == 69)
  let holder = "error: counted: process \(runner.processIdentifier) on "
  #expect(refused.errors.contains(holder), "\(refused.errors)")
  #expect(refused.errors.contains(" (for 'counted', since 20"))
  #expect(refused.errors.contains(") is making it\nhint: run again later, or leave out --no-wait to wait for it"))
  let next = try pipeline.start("run", "pipeline.yaml")
  usleep(500_000)
  #expect(next.isRunning)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8), "the orphan holds the lock")
  try pipeline.sandbox.write("", to: "go")
  next.waitUntilExit()
  #expect(next.terminationStatus == 0)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\nran\n".utf8))
  #expect(try pipeline.sandbox.read("out/counted/count") == Data("2\n".utf8))
  #expect(try pipeline.names(".randlora/tmp") == [])
  #expect(try pipeline.names(".randlora/locks") == [])
  #expect(try pipeline.names(".randlora/objects").count == 1)
}

@Test func `eight runners at once run each action once`() throws {
  let pipeline = try ShellPipeline("sleep 0.5")
  let runners = try (0..<8).map { _ in try pipeline.start("run", "pipeline.yaml") }
  for runner in runners {
    runner.waitUntilExit()
    #expect(runner.terminationStatus == 0)
  }
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
}

@Test func `when the one that works is killed, another of eight goes on`() throws {
  let pipeline = try ShellPipeline("touch started; while [ ! -e go ]; do sleep 0.05; done")
  let runners = try (0..<8).map { _ in try pipeline.start("run", "pipeline.yaml") }
  try pipeline.wait(for: "started")
  let name = try #require(try pipeline.names(".randlora/locks").first)
  let holder = String(decoding: try pipeline.sandbox.read(".randlora/locks/" + name), as: UTF8.self)
  let id = try #require(holder.split(separator: " ").dropFirst().first.flatMap { Int32($0) })
  #expect(kill(id, SIGKILL) == 0)
  try pipeline.sandbox.write("", to: "go")
  for runner in runners { runner.waitUntilExit() }
  #expect(runners.filter { $0.terminationStatus == 0 }.count == 7)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\nran\n".utf8))
  #expect(try pipeline.names(".randlora/locks") == [])
}

@Test func `an interrupted run ends with 75 and leaves no half result`() throws {
  let pipeline = try ShellPipeline("trap 'echo int >> calls; exit 75' INT; touch started; sleep 30 & wait")
  let runner = try pipeline.start("run", "pipeline.yaml")
  try pipeline.wait(for: "started")
  kill(runner.processIdentifier, SIGINT)
  runner.waitUntilExit()
  #expect(runner.terminationStatus == 75)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\nint\n".utf8))
  #expect(try pipeline.names(".randlora/actions") == [])
  #expect(try pipeline.names(".randlora/tmp") == [])
}

@Test func `a second signal kills a stage that does not listen`() throws {
  let pipeline = try ShellPipeline("trap '' INT; touch started; sleep 30")
  let runner = try pipeline.start("run", "pipeline.yaml")
  try pipeline.wait(for: "started")
  kill(runner.processIdentifier, SIGINT)
  usleep(300_000)
  #expect(runner.isRunning)
  kill(runner.processIdentifier, SIGTERM)
  runner.waitUntilExit()
  #expect(runner.terminationStatus == 75)
}

@Test(arguments: [
  "import-base", "prepare-data", "init-adapter", "train-step", "evaluate", "merge", "convert-to-lora",
  "push-artifact",
])
func `what a program says of itself fits the schema`(_ program: String) throws {
  let sandbox = try Sandbox()
  let schema = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../schemas/stage.schema.json")
  let text = try JSONDocument(Array(try Data(contentsOf: schema)), source: "stage.schema.json")
  let description = try sandbox.succeed(program, ["--describe"]).output
  try JSONSchema(text).require(try JSONDocument(description, source: "\(program) --describe"))
}

/// Load does not change how many system calls a run makes; time would be another matter.
@Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")))
func `a run with nothing to do looks at each file once`() throws {
  let sandbox = try Sandbox()
  let count = 60
  let stages = (0..<count).map { index in
    "  s\(index): {command: echo \(index) > $output/a, inputs: in, outputs: a"
      + (index == 0 ? "}\n" : ", before: s\(index - 1)}\n")
  }
  try sandbox.write("stages:\n" + stages.joined(), to: "p.yaml")
  try sandbox.write("x", to: "in")
  #expect(try sandbox.run("randlora", ["run", "p.yaml"]).errors.hasSuffix("\(count) made, 0 up to date\n"))
  usleep(2_300_000)
  #expect(try sandbox.run("randlora", ["run", "p.yaml"]).code == 0)  // now it is remembered
  func calls(_ names: String, _ part: String) throws -> Int {
    let randlora = Bundle.main.bundleURL.appendingPathComponent("randlora").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/strace")
    process.arguments = ["-f", "-e", "trace=\(names)", "-o", "trace", randlora, "run", "p.yaml"]
    process.currentDirectoryURL = URL(fileURLWithPath: sandbox.directory)
    process.environment = ["PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": sandbox.path("cache")]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let lines = String(decoding: try sandbox.read("trace"), as: UTF8.self).split(separator: "\n")
    return lines.count { $0.contains(part) }
  }
  // A manifest, a file and the directory, to which something may have been added, for each stage; once.
  let looks = try calls("newfstatat,statx,stat,lstat", sandbox.directory)
  #expect(looks >= 3 * count && looks <= 3 * count + 20, "\(looks)")
  #expect(try calls("openat,open,execve,fork,vfork,clone", sandbox.path("")) <= 6)
}

@Test func `every event is a line that fits the schema`() throws {
  let schema = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../schemas/run-event.schema.json")
  let events = try JSONSchema(JSONDocument(Array(try Data(contentsOf: schema)), source: "run-event.schema.json"))
  let pipeline = try ShellPipeline("echo '{\"progress\":{\"done\":1,\"total\":2,\"unit\":\"word\"}}' >&2")
  var seen: [String] = []
  func check(_ arguments: String...) throws {
    let outcome = try pipeline.sandbox.run("randlora", arguments + ["--json"], environment: pipeline.environment)
    for line in outcome.output.split(separator: "\n") {
      let document = try JSONDocument(String(line), source: "--json")
      try events.require(document)
      seen.append(document.root["event"]?.stringValue ?? "")
    }
  }
  try check("run", "pipeline.yaml", "--dry-run")
  try check("run", "pipeline.yaml")
  try check("run", "pipeline.yaml")
  try pipeline.sandbox.write(
    "stages: {bad: {command: exit 3, outputs: a, retries: 1}, next: {command: x, bad: bad, outputs: b}}", to: "bad.yaml")
  try check("run", "bad.yaml")
  #expect(
    seen == [
      "would-run", "summary", "started", "progress", "finished", "exported", "summary", "reused", "summary", "started",
      "retrying", "failed", "skipped", "summary",
    ])
}

@Test func `a word that is no command is refused by name`() throws {
  let outcome = try Sandbox().run("randlora", ["frobnicate"])
  #expect(outcome.code == 64)
  #expect(outcome.errors.hasPrefix("error: there is no command 'frobnicate'"))
}

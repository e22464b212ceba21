import Foundation
import TestSupport
import Testing

@Test func `what a stage leaves running is ended with it`() throws {
  let pipeline = try ShellPipeline("(sleep 1; echo late >> calls; sleep 300) & echo $! > child")
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.code == 0, "\(outcome.errors)")
  usleep(1_500_000)
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
}

@Test func `a child in a session of its own holds nothing up`() throws {
  let pipeline = try ShellPipeline("setsid sleep 5 & echo $! > child")
  let start = Date()
  #expect(try pipeline.run("run", "pipeline.yaml").code == 0)
  #expect(try pipeline.run("run", "pipeline.yaml", "--force", "counted", "--no-wait").code == 0)
  #expect(Date().timeIntervalSince(start) < 5)
}

@Test func `a stage that prints without end fills neither memory nor disk`() throws {
  let pipeline = try ShellPipeline(
    "line=$(printf '%4000s' x); yes \"$line\" | head -c 1000000000; echo; echo done; echo 'last words' >&2; exit 1")
  let runner = try pipeline.sandbox.start(
    "randlora", ["run", "pipeline.yaml"], environment: pipeline.environment, dataLimit: 400_000)
  let outcome = try runner.outcome()
  #expect(outcome.code == 1)
  #expect(outcome.errors.contains("  | done\n  | last words\n"), "\(outcome.errors.suffix(500))")
  let log = try #require(try pipeline.names(".randlora/logs").first)
  let text = try pipeline.sandbox.read(".randlora/logs/" + log)
  #expect(text.count < 65 << 20)
  let end = String(decoding: text.suffix(100), as: UTF8.self)
  #expect(end.hasSuffix("\n(the log is full: what follows is not kept)\n"), "\(end)")
}

@Test func `what a command adds to what it reads is not taken for a result`() throws {
  let sandbox = try Sandbox()
  try sandbox.write(
    """
    stages:
      made: {command: 'mkdir $output/d; echo 1 > $output/d/1', outputs: [d]}
      adding: {command: 'echo junk > $made/d/2; echo 1 > $output/x', made: made, outputs: [x]}
      reading: {command: 'cat $made/d/* > $output/x', made: made, outputs: [x]}
      python: {command: 'echo $PYTHONDONTWRITEBYTECODE > $output/x', outputs: [x]}

    """, to: "pipeline.yaml")
  let adding = try sandbox.run("randlora", ["run", "pipeline.yaml", "adding"])
  #expect(adding.code == 65)
  #expect(adding.errors.contains("what the stage reads was written to: "), "\(adding.errors)")
  #expect(adding.errors.contains("/d/2 is not among the files of artifact.json"), "\(adding.errors)")
  #expect(try sandbox.run("randlora", ["verify"]).code == 65)
  // What was added to is put aside and made again.
  let again = try sandbox.run("randlora", ["run", "pipeline.yaml", "reading", "python"])
  #expect(again.code == 0, "\(again.errors)")
  let store = sandbox.path(".randlora/objects")
  let results = try FileManager.default.contentsOfDirectory(atPath: store).compactMap {
    try? String(contentsOfFile: "\(store)/\($0)/x", encoding: .utf8)
  }
  #expect(results == ["1\n"])
}

@Test func `a refusal is said once, and a command that made nothing has a log`() throws {
  let sandbox = try Sandbox()
  try sandbox.write("stages: {a: {command: 'echo elsewhere >&2', outputs: [x]}}\n", to: "pipeline.yaml")
  let nothing = try sandbox.run("randlora", ["run", "pipeline.yaml"])
  #expect(nothing.code == 65)
  #expect(nothing.errors.contains("did not make 'x' in $output"), "\(nothing.errors)")
  #expect(nothing.errors.contains("hint: its log: "), "\(nothing.errors)")
  let refusing = try ShellPipeline("echo 'error: not so' >&2; exit 64").run("run", "pipeline.yaml")
  #expect(refusing.code == 64)
  #expect(refusing.errors.contains("not so") && !refusing.errors.contains("error: \n"), "\(refusing.errors)")
}

@Test func `a stage that writes to what it reads is not believed`() throws {
  let sandbox = try ShellPipeline().sandbox
  try sandbox.write(
    """
    stages:
      counted: {stage: count-words, with: {text: words.txt}}
      second: {stage: spoil, base: counted, with: {text: words.txt}}

    """, to: "pipeline.yaml")
  let script = String(decoding: try sandbox.read("bin/count-words"), as: UTF8.self)
  let spoiling = script.replacingOccurrences(of: "count-words", with: "spoil")
    .replacingOccurrences(
      of: "\"inputs\":[]", with: #""inputs":[{"role":"base","kinds":["base"],"required":true}]"#)
    .replacingOccurrences(of: "--output) output", with: "--base) base=$2; shift ;; --output) output")
    .replacingOccurrences(of: "mkdir \"$output.new\"", with: "chmod +w $base/count; echo 7 > $base/count; mkdir \"$output.new\"")
  try sandbox.write(spoiling, to: "bin/spoil")
  try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: sandbox.path("bin/spoil"))
  let environment = ["PATH": sandbox.path("bin") + ":/usr/bin:/bin"]
  let outcome = try sandbox.run("randlora", ["run", "pipeline.yaml"], environment: environment)
  #expect(outcome.code == 65)
  #expect(outcome.errors.contains("/count changed while the stage ran, so its result is not kept"), "\(outcome.errors)")
  #expect(try FileManager.default.contentsOfDirectory(atPath: sandbox.path(".randlora/actions")).count == 1)
  // The spoilt input is found, put aside and made again.
  let again = try sandbox.run("randlora", ["run", "pipeline.yaml", "counted"], environment: environment)
  #expect(again.code == 0)
  #expect(again.errors.contains("its result "), "\(again.errors)")
  #expect(try FileManager.default.contentsOfDirectory(atPath: sandbox.path(".randlora/damaged")).count == 1)
}

@Test func `what a stage prints does not command the terminal`() throws {
  let pipeline = try ShellPipeline(#"printf '\033]0;title\007\033[2Jlast words\n' >&2; exit 1"#)
  let outcome = try pipeline.run("run", "pipeline.yaml")
  #expect(outcome.errors.contains("  | ␛]0;title␇␛[2Jlast words\n"), "\(outcome.errors)")
}

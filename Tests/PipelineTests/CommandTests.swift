import Artifacts
import Failures
import Foundation
import JSON
import Pipeline
import Synchronization
import Testing

private let pipeline = """
  variables: {suffix: "!"}
  stages:
    base: {stage: import-base, with: {base-model: model}}
    shout:
      command: sed "s/$/${suffix}/" data.jsonl > "$output/rows.jsonl"
      inputs: [data.jsonl]
      outputs: [rows.jsonl]
    copy:
      command: mkdir -p "$output/all/deep"; cp "$loud_rows/rows.jsonl" "$output/all/deep/"
      loud-rows: shout
      outputs: [all]
    data: {stage: prepare-data, base: base, with: {data-path: {from: copy, path: all/deep/rows.jsonl}}}
  """

private func content(_ work: Workspace, _ digest: Digest?, _ file: String) throws -> String {
  let artifact = try Artifact.open(work("store/objects/\(try #require(digest))"), memo: work.memo)
  return String(decoding: try Files.contents(of: artifact.path(of: file)), as: UTF8.self)
}

@Test func aCommandIsAStageLikeAnyOther() async throws {
  let work = try Workspace()
  let summary = try await work.run(pipeline)
  #expect(work.failures.isEmpty, "\(work.failures)")
  #expect(try content(work, summary["copy"], "all/deep/rows.jsonl") == "one!\ntwo!\n")
  _ = work.programs.takeCalls()
  try await work.run(pipeline)
  #expect(work.programs.takeCalls() == [])
  #expect(
    try await work.plan(pipeline, set: [("suffix", "?")]).first?.hasPrefix("shout: command changed: ") == true)
  // Only what the commands read counts, and an output that comes out the same stops the rebuild.
  let same = pipeline.replacingOccurrences(of: "sed ", with: "sed -e ")
  try await work.run(same)
  #expect(work.programs.takeCalls() == ["sh"])
  try work.write("data.jsonl", "three\n")
  #expect(try await work.plan(same).first == "shout: content of 'data.jsonl' changed")
  try await work.run(same)
  #expect(work.programs.takeCalls() == ["sh", "sh", "prepare-data"])
}

@Test func whatMayBeExecutedStaysSoAndCounts() async throws {
  let work = try Workspace()
  let yaml = """
    stages:
      tool: {command: 'cp tool.sh "$output/t"; chmod 755 "$output/t"; cp tool.sh "$output/plain"; chmod 600 "$output/plain"',
             inputs: [tool.sh], outputs: [t, plain], export: out}
      use: {command: '"$tool/t" > "$output/o"; [ -x "$tool/plain" ] || echo no >> "$output/o"', tool: tool, outputs: [o]}
      look: {command: 'if [ -x tool.sh ]; then echo yes; else echo no; fi > "$output/o"', inputs: [tool.sh], outputs: [o]}
    """
  try work.write("tool.sh", "#!/bin/sh\necho hello\n")
  let first = try await work.run(yaml)
  #expect(work.failures.isEmpty, "\(work.failures)")
  #expect(try content(work, first["use"], "o") == "hello\nno\n")
  #expect(try content(work, first["look"], "o") == "no\n")
  #expect(FileManager.default.isExecutableFile(atPath: work("out/t")))
  let tool = try Artifact.open(work("store/objects/\(try #require(first["tool"]))"), memo: work.memo)
  #expect(tool.manifest.section["executable"] == ["t"])
  try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: work("tool.sh"))
  #expect(try content(work, try await work.run(yaml)["look"], "o") == "yes\n")
}

@Test func whatACommandMakesMustBeWhatItDeclares() async throws {
  let work = try Workspace()
  for (command, expected) in [
    ("true", "the command ended with success but did not make 'a' in $output"),
    ("touch $output/a $output/b", "the command made 'b', which is not among its outputs"),
    ("ln -s /etc/passwd $output/a", "the command made what no artifact holds: $output/a is neither a file nor a directory"),
    ("exit 3", "command failed with exit code 3"), ("exit 75", "command failed with exit code 75"),
    ("kill -9 $$$$", "command was killed by signal 9"),
  ] {
    let summary = try await work.run("stages:\n  s: {command: \"\(command)\", outputs: [a]}")
    #expect(summary.exitCode != 0 && summary.exitCode != 75)
    #expect(work.failures.first?.failure.message.hasPrefix(expected) == true, "\(work.failures)")
    #expect(try Files.names(in: work("store/objects")) == [])
    #expect(try Files.names(in: work("store/tmp")) == [])
  }
}

@Test func mistakesInCommandsNameTheirPlace() async throws {
  func message(_ stage: String, _ more: String = "") -> String? {
    failure {
      _ = try PipelineFile(yaml: "stages:\n  a: {\(stage)}\n\(more)", path: "p.yaml")
    }?.message.replacingOccurrences(of: "p.yaml:", with: "")
  }
  #expect(message("command: x") == "2:3: the command does not say what it makes")
  #expect(message("command: x, outputs: [../y]") == "2:29: '../y' has an empty, '.' or '..' part")
  #expect(message("command: x, outputs: [y], with: {k: 1}") == "2:33: 'with' has no meaning for a command")
  #expect(message("stage: x, outputs: [y]")?.hasPrefix("2:17: 'outputs' is for commands") == true)
  #expect(
    message("command: x, outputs: [y], HOME: b", "  b: {stage: z}")?.hasPrefix(
      "2:33: 'HOME' is no name for an input of a command") == true)
  #expect(
    message("command: x, outputs: [y], a-b: b, a_b: b", "  b: {stage: z}") == "2:41: the input 'a-b' appears twice")
  #expect(
    message("command: x, outputs: [y], environment: {output: z}")
      == "2:47: 'output' is taken: it says where the command is to write")
  let work = try Workspace()
  let wrong = pipeline.replacingOccurrences(of: "path: all/deep", with: "path: al/deep")
  #expect(
    await failure { try await work.run(wrong) }?.message
      == "\(work("pipeline.yaml")):12:61: 'copy' makes no 'al/deep/rows.jsonl'")
  #expect(work.programs.calls == [])
}

@Test func theEnvironmentOfAStageIsDeclared() async throws {
  let work = try Workspace()
  unsafe setenv("PIPELINE_TESTS_SECRET", "seen", 1)
  unsafe setenv("PIPELINE_TESTS_TAKEN", "over", 1)
  let yaml = """
    variables: {greeting: hello}
    stages:
      s:
        command: echo "$GREETING $PIPELINE_TESTS_SECRET $PIPELINE_TESTS_TAKEN $LC_ALL $OMP_NUM_THREADS" > $output/a
        environment: {GREETING: "${greeting}", PIPELINE_TESTS_TAKEN: }
        threads: 3
        outputs: [a]
    """
  var options = RunOptions()
  options.cores = 4
  let summary = try await work.run(yaml, options: options)
  #expect(try content(work, summary["s"], "a") == "hello  over C.UTF-8 3\n")
  #expect(
    try await work.plan(yaml, set: [("greeting", "bye")])
      == ["s: environment variable GREETING changed: hello → bye"])
  unsafe setenv("PIPELINE_TESTS_TAKEN", "changed", 1)
  #expect(
    try await work.plan(yaml) == ["s: environment variable PIPELINE_TESTS_TAKEN changed: over → changed"])
  unsafe unsetenv("PIPELINE_TESTS_TAKEN")
  #expect(
    await failure { try await work.run(yaml) }?.message
      == "\(work("pipeline.yaml")):5:44: the environment variable PIPELINE_TESTS_TAKEN is not set")
}

@Test func aStageThatTakesTooLongIsStopped() async throws {
  let work = try Workspace()
  for command in ["sleep 600", "trap '' TERM; sleep 600 & wait; sleep 600"] {
    let summary = try await work.run(
      "stages:\n  s: {command: \"\(command)\", outputs: [a], timeout: 0.3s}")
    #expect(summary.exitCode == 124)
    #expect(work.failures.first?.failure.message == "command did not end within its timeout of 1 s")
  }
}

@Test func aStageThatFailsIsTriedAgain() async throws {
  let work = try Workspace()
  // Fails as long as there are fewer than three lines.
  let yaml = """
    stages:
      s:
        command: echo try >> tries; echo again >&2; test $(wc -l < tries) -ge 3; cp tries $output/a
        retries: 2
        outputs: [a]
    """.replacingOccurrences(of: "-ge 3;", with: "-ge 3 || exit 1;")
  let summary = try await work.run(yaml)
  #expect(summary.exitCode == 0)
  #expect(try content(work, summary["s"], "a") == "try\ntry\ntry\n")
  let retries = work.events.withLock { $0 }.compactMap { event -> String? in
    if case .retrying(_, let failure, let attempt, let all) = event { "\(failure.message) \(attempt)/\(all)" } else { nil }
  }
  #expect(retries == ["command failed with exit code 1 1/2", "command failed with exit code 1 2/2"])
  let log = try #require(try Files.names(in: work("store/logs")).first)
  #expect(try Files.contents(of: work("store/logs/\(log)")) == Array("again\nagain\nagain\n".utf8))
  try work.write("tries", "")
  // The code that programs end with when they can be resumed means nothing special of a command.
  let odd = try await work.run("stages:\n  s: {command: \"echo try >> again; exit 75\", retries: 1, outputs: [a]}")
  #expect(odd.exitCode == 65)
  #expect(work.failures.first?.failure.message == "command failed with exit code 75")
  #expect(try Files.contents(of: work("again")) == Array("try\ntry\n".utf8))
  let once = yaml.replacingOccurrences(of: "retries: 2", with: "retries: 1").replacingOccurrences(of: ">&2", with: "")
  #expect(try await work.run(once).exitCode == 1)
}

import Foundation
import JSON
import TestSupport
import Testing

private func children(of process: Int32) -> [Int32] {
  let path = "/proc/\(process)/task"
  let threads = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  let lists = threads.compactMap { try? String(contentsOfFile: "\(path)/\($0)/children", encoding: .utf8) }
  return lists.flatMap { $0.split(separator: " ").compactMap { Int32($0) } }
}

/// How many processes of a group there are, zombies left out.
private func living(of group: Int32) -> Int {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  return names.filter { name in
    let status = Int32(name) == nil ? nil : try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8)
    // "4711 (the name) S 1 4711 …"
    let fields = status?.split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 2 && fields[0] != "Z" && Int32(fields[2]) == group
  }.count
}

private func commandLine(of process: Int32) -> String {
  String(decoding: FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data(), as: UTF8.self)
}

/// A pipeline whose only stage is a shell script: `--describe` is all that it takes.
private struct ShellPipeline {
  let sandbox: Sandbox

  /// - Parameter body: what the script does between reading its flags and publishing.
  init(_ body: String = "") throws {
    sandbox = try Sandbox()
    try FileManager.default.createDirectory(atPath: sandbox.path("bin"), withIntermediateDirectories: true)
    try sandbox.write(Self.script(body), to: "bin/count-words")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: sandbox.path("bin/count-words"))
    try sandbox.write("some words\n", to: "words.txt")
    try sandbox.write(
      """
      variables: {minimum: 0}
      stages:
        counted: {stage: count-words, with: {text: words.txt, minimum: "${minimum}"}, export: out/counted}

      """, to: "pipeline.yaml")
  }

  var environment: [String: String] { ["PATH": sandbox.path("bin") + ":/usr/bin:/bin"] }

  func run(_ arguments: String...) throws -> Outcome {
    try sandbox.run("randlora", arguments, environment: environment)
  }

  /// Starts a run and leaves it running.
  func start(_ arguments: String...) throws -> Process {
    let process = Process()
    process.executableURL = Bundle.main.bundleURL.appendingPathComponent("randlora")
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: sandbox.directory)
    process.environment = ["XDG_CACHE_HOME": sandbox.path("cache")].merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Waits until the script says that it has come so far.
  func wait(for file: String) throws {
    for _ in 0..<600 {
      if FileManager.default.fileExists(atPath: sandbox.path(file)) { return }
      usleep(50_000)
    }
    Issue.record("'\(file)' did not appear")
  }

  func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: sandbox.path(directory)).sorted()
  }

  private static func script(_ body: String) -> String {
    #"""
    #!/bin/sh
    if [ "$1" = --describe ]; then
      echo '{"name":"count-words","revision":1,"inputs":[],"output":"base","parameters":[
        {"name":"text","type":"path","default":null,"class":"result"},
        {"name":"minimum","type":"integer","default":0,"class":"result"}]}'
      exit
    fi
    while [ $# -gt 0 ]; do
      case "$1" in
        --text=*) text=${1#--text=} ;;
        --minimum=*) minimum=${1#--minimum=} ;;
        --output) output=$2; shift ;;
      esac
      shift
    done
    echo "counting" >&2
    echo ran >> calls
    \#(body)
    mkdir "$output.new"
    wc -w < "$text" > "$output.new/count"
    sum=$(sha256sum < "$output.new/count" | cut -d' ' -f1)
    cat > "$output.new/artifact.json" <<END
    {"kind":"base","schema_version":1,
     "files":[{"path":"count","bytes":$(wc -c < "$output.new/count"),"sha256":"$sum"}],
     "base":{"model_type":"llama","architecture":"L","parameters":1,"weight_dtype":"F32","vocab_size":7,
     "context_length":8,"tie_word_embeddings":false,"base_model_id":null,"base_model_revision":null,
     "tokenizer_sha256":null}}
    END
    mv "$output.new" "$output"
    """#
  }
}

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
  let pipeline = try ShellPipeline("echo $$ > id; touch started; sleep 300 & sleep 300")
  let runner = try pipeline.start("run", "pipeline.yaml")
  try pipeline.wait(for: "started")
  let group = try #require(Int32(String(decoding: pipeline.sandbox.read("id").dropLast(), as: UTF8.self)))
  #expect(living(of: group) >= 3)
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

@Test func `four runners at once run each action once`() throws {
  let pipeline = try ShellPipeline("sleep 0.5")
  let runners = try (0..<4).map { _ in try pipeline.start("run", "pipeline.yaml") }
  for runner in runners {
    runner.waitUntilExit()
    #expect(runner.terminationStatus == 0)
  }
  #expect(try pipeline.sandbox.read("calls") == Data("ran\n".utf8))
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
  "import-base", "prepare-data", "init-adapter", "train-step", "evaluate", "merge", "push-artifact",
])
func `what a program says of itself fits the schema`(_ program: String) throws {
  let sandbox = try Sandbox()
  let schema = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../schemas/stage.schema.json")
  let text = try JSONDocument(Array(try Data(contentsOf: schema)), source: "stage.schema.json")
  let description = try sandbox.succeed(program, ["--describe"]).output
  try JSONSchema(text).require(try JSONDocument(description, source: "\(program) --describe"))
}

@Test func `a word that is no command is refused by name`() throws {
  let outcome = try Sandbox().run("randlora", ["frobnicate"])
  #expect(outcome.code == 64)
  #expect(outcome.errors.hasPrefix("error: there is no command 'frobnicate'"))
}

import Foundation
import TestSupport
import Testing

/// A pipeline whose only stage is a shell script: `--describe` is all that it takes.
struct ShellPipeline {
  let sandbox: Sandbox
  /// Further variables of the environment.
  var variables: [String: String] = [:]

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

  var environment: [String: String] {
    ["PATH": sandbox.path("bin") + ":/usr/bin:/bin"].merging(variables) { $1 }
  }

  func run(_ arguments: String...) throws -> Outcome { try run(arguments: arguments) }

  func run(arguments: [String]) throws -> Outcome {
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

  /// Runs it as a user who owns nothing here: nobody, where the tests run as root.
  func runAsStranger(_ arguments: String...) throws -> Outcome {
    guard getuid() == 0 else { return try sandbox.run("randlora", arguments, environment: environment) }
    let errors = sandbox.path("stranger.err")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
    let program = Bundle.main.bundleURL.appendingPathComponent("randlora").path
    process.arguments = ["--reuid=65534", "--regid=65534", "--clear-groups", program] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: sandbox.directory)
    process.environment = environment
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    try process.run()
    process.waitUntilExit()
    return Outcome(
      code: process.terminationStatus, signal: nil, output: "",
      errors: String(decoding: try sandbox.read("stranger.err"), as: UTF8.self))
  }

  /// Takes the permission to write from a directory and all that is in it.
  func makeReadOnly(_ directory: String) throws { try setModes(of: directory, files: 0o444, directories: 0o555) }

  func makeWritable(_ directory: String) {
    try? setModes(of: directory, files: 0o644, directories: 0o755)
  }

  private func setModes(of directory: String, files: Int, directories: Int) throws {
    let root = sandbox.path(directory)
    for path in [""] + (FileManager.default.subpaths(atPath: root) ?? []) {
      let isDirectory = (try? FileManager.default.contentsOfDirectory(atPath: root + "/" + path)) != nil
      try FileManager.default.setAttributes(
        [.posixPermissions: isDirectory ? directories : files], ofItemAtPath: root + "/" + path)
    }
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
    set -e
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
     "tokenizer_sha256":null,"quantization":null}}
    END
    mv "$output.new" "$output"
    """#
  }
}

import Foundation
import TestSupport
import Testing

/// The README's commands, as a person would paste them, on the programs that this build made.
@Suite struct ReadmeTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The shell blocks of the README in order.
  private static func blocks() throws -> [String] {
    let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    return text.components(separatedBy: "```sh\n").dropFirst().compactMap { $0.components(separatedBy: "```").first }
  }

  /// Runs a script from the top of the project; what it would write to /tmp/demo goes to the sandbox.
  private func shell(_ script: String, in sandbox: Sandbox, environment: [String: String] = [:]) throws -> (code: Int32, output: String) {
    let programs = Bundle.main.bundleURL.path
    let own = script
      .replacingOccurrences(of: "/tmp/demo", with: sandbox.path("demo"))
      .replacingOccurrences(of: "$PWD/.build/release", with: programs)
      .replacingOccurrences(of: ".build/release/", with: programs + "/")
    let process = Process(), output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-euo", "pipefail", "-c", own + "\n"]
    process.currentDirectoryURL = Self.root
    process.environment = [
      "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": sandbox.path("cache"), "RANDLORA_STORE": sandbox.path("store"),
    ].merging(environment) { $1 }
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  @Test func `the two commands at the top are scripts that the shell understands`() throws {
    let commands = try Self.blocks().prefix(2).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    #expect(commands == ["bash pipelines/quickstart/run", "bash Tests/run"])  // continuous integration runs both
    let sandbox = try Sandbox()
    for command in commands {
      let result = try shell(command.replacingOccurrences(of: "bash ", with: "bash -n "), in: sandbox)
      #expect(result.code == 0, "\(result.output)")
    }
  }

  @Test func `every other command runs as it stands`() throws {
    let sandbox = try Sandbox()
    let model = Self.root.appendingPathComponent("pipelines/quickstart/model").path
    try FileManager.default.copyItem(atPath: model, toPath: sandbox.path("model"))
    let hub = try HubServer(sandbox, seeds: ["HuggingFaceTB/SmolLM2-135M": "model"])
    let registry = try RegistryServer(sandbox)
    let store = try StoreServer(sandbox)
    let environment = hub.environment.merging(registry.environment) { $1 }.merging(store.environment) { $1 }
    for block in try Self.blocks().dropFirst(2) {
      let own = block.replacingOccurrences(of: "localhost:5000", with: registry.authority)
      let result = try shell(own, in: sandbox, environment: environment)
      #expect(result.code == 0, "\(block)\n\(result.output)")
    }
    for file in ["adapter/adapter_model.safetensors", "merged/model.safetensors", "result/artifact.json"] {
      #expect(FileManager.default.fileExists(atPath: sandbox.path("demo/\(file)")), "\(file)")
    }
  }
}

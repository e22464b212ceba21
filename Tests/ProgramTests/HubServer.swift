import Foundation
import TestSupport
import Testing

/// A Hugging Face Hub on this machine (`Tests/Fixtures/hub/server.py`) for the programs of one sandbox.
final class HubServer {
  static let token = "hf_test_token"

  let endpoint: String
  private let process = Process()
  private let sandbox: Sandbox

  /// - Parameters:
  ///   - seeds: repositories that are there already, by directories of the sandbox.
  ///   - faults: what goes wrong, in the server's words.
  init(_ sandbox: Sandbox, seeds: [String: String] = [:], faults: [String] = []) throws {
    self.sandbox = sandbox
    let directory = sandbox.path("hub")
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "../Fixtures/hub/server.py")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments =
      [script.path, directory] + seeds.flatMap { ["--seed", "\($0)=\(sandbox.path($1))"] }
      + faults.flatMap { ["--fault", $0] }
    try process.run()
    for _ in 0..<1200
    where process.isRunning && !FileManager.default.fileExists(atPath: directory + "/endpoint") {
      usleep(50_000)
    }
    endpoint = String(decoding: try sandbox.read("hub/endpoint"), as: UTF8.self)
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)  // others may be blocked in it, as they are in threads that start it
    process.waitUntilExit()
  }

  var environment: [String: String] {
    ["HF_ENDPOINT": endpoint, "HF_TOKEN": Self.token, "HF_HUB_OFFLINE": "", "HF_HOME": sandbox.path("hf")]
  }

  /// What was asked: "hub POST /api/… token -".
  func requests() throws -> [String] {
    String(decoding: try sandbox.read("hub/requests"), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  func forgetRequests() throws { try sandbox.write("", to: "hub/requests") }

  /// Runs a program that may use this Hub.
  func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    let outcome = try sandbox.run(
      program, arguments, environment: self.environment.merging(environment) { $1 })
    for secret in [Self.token, "kept-secret"] {
      #expect(!(outcome.errors + outcome.output).contains(secret), sourceLocation: sourceLocation)
    }
    return outcome
  }

  /// Runs a program that must succeed.
  @discardableResult
  func succeed(_ program: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation)
    throws -> Outcome
  {
    let outcome = try run(program, arguments, sourceLocation: sourceLocation)
    #expect(outcome.code == 0, "\(program): \(outcome.errors)", sourceLocation: sourceLocation)
    return outcome
  }

  /// Runs a program that must fail.
  func fail(
    _ program: String, _ arguments: [String], code: Int32, saying message: String,
    environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run(program, arguments, environment: environment, sourceLocation: sourceLocation)
    #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(
      outcome.errors.contains(message), "expected '\(message)', found '\(outcome.errors)'",
      sourceLocation: sourceLocation)
  }
}

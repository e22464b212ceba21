import Foundation
import TestSupport
import Testing

/// A server on this machine (`Tests/Fixtures/NAME/server.py`) for the programs of one sandbox, in whose directory NAME it
/// keeps what it is given.
class FixtureServer {
  let endpoint: String
  /// What the programs find in their environment.
  var environment: [String: String] { [:] }
  private let name: String
  private let secrets: [String]
  private let process = Process()
  fileprivate let sandbox: Sandbox

  /// - Parameters:
  ///   - secrets: what no program may show.
  ///   - faults: what goes wrong, in the server's words.
  init(_ name: String, _ sandbox: Sandbox, secrets: [String], faults: [String], _ options: [String]) throws {
    (self.name, self.sandbox, self.secrets) = (name, sandbox, secrets + ["kept-secret"])
    let directory = sandbox.path(name)
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "../Fixtures/\(name)/server.py")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [script.path, directory] + options + faults.flatMap { ["--fault", $0] }
    try process.run()
    for _ in 0..<1200
    where process.isRunning && !FileManager.default.fileExists(atPath: directory + "/endpoint") {
      usleep(50_000)
    }
    endpoint = String(decoding: try sandbox.read("\(name)/endpoint"), as: UTF8.self)
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)  // others may be blocked in it, as they are in threads that start it
    process.waitUntilExit()
  }

  /// What was asked: "hub POST /api/… token -".
  func requests() throws -> [String] {
    String(decoding: try sandbox.read("\(name)/requests"), as: UTF8.self).split(separator: "\n").map(
      String.init)
  }

  func forgetRequests() throws { try sandbox.write("", to: "\(name)/requests") }

  /// Runs a program that may use this server.
  func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    let outcome = try sandbox.run(
      program, arguments, environment: self.environment.merging(environment) { $1 })
    for secret in secrets {
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

/// A Hugging Face Hub.
final class HubServer: FixtureServer {
  static let token = "hf_test_token"

  /// - Parameter seeds: repositories that are there already, by directories of the sandbox.
  init(_ sandbox: Sandbox, seeds: [String: String] = [:], faults: [String] = []) throws {
    let options = seeds.flatMap { ["--seed", "\($0)=\(sandbox.path($1))"] }
    try super.init("hub", sandbox, secrets: [Self.token], faults: faults, options)
  }

  override var environment: [String: String] {
    ["HF_ENDPOINT": endpoint, "HF_TOKEN": Self.token, "HF_HUB_OFFLINE": "", "HF_HOME": sandbox.path("hf")]
  }
}

/// A container registry.
final class RegistryServer: FixtureServer {
  private static let user = Data("me:kept-secret".utf8).base64EncodedString()

  /// - Parameter login: how it wants people to log in: none, basic or bearer; the programs are logged in.
  init(_ sandbox: Sandbox, login: String = "none", faults: [String] = []) throws {
    try super.init("registry", sandbox, secrets: [Self.user], faults: faults, ["--login", login])
    try FileManager.default.createDirectory(atPath: sandbox.path("docker"), withIntermediateDirectories: true)
    try sandbox.write(#"{"auths": {"\#(authority)": {"auth": "\#(Self.user)"}}}"#, to: "docker/config.json")
  }

  var authority: String { String(endpoint.dropFirst("http://".count)) }

  override var environment: [String: String] {
    [
      "DOCKER_CONFIG": sandbox.path("docker"), "XDG_RUNTIME_DIR": sandbox.path("none"),
      "XDG_CONFIG_HOME": sandbox.path("none"), "REGISTRY_AUTH_FILE": "",
    ]
  }
}

/// An object store.
final class StoreServer: FixtureServer {
  private static let secret = "store-kept-secret"
  private let session: String

  init(_ sandbox: Sandbox, region: String = "us-east-1", session: String = "", faults: [String] = []) throws {
    self.session = session
    try super.init(
      "store", sandbox, secrets: [Self.secret] + (session.isEmpty ? [] : [session]), faults: faults,
      ["--region", region, "--session", session])
  }

  override var environment: [String: String] {
    [
      "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": Self.secret,
      "AWS_SESSION_TOKEN": session, "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
      "AWS_CONFIG_FILE": sandbox.path("aws-config"), "AWS_SHARED_CREDENTIALS_FILE": sandbox.path("aws-credentials"),
    ]
  }
}

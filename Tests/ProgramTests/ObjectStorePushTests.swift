import Foundation
import JSON
import TestSupport
import Testing

private let push = [
  "--artifact", "adapter", "--base", "base", "--to", "s3://models/team/tuned", "--json", "-o",
]
private let directory = "store/objects/models/team/tuned"

/// What lies below the prefix.
private func objects(in sandbox: Sandbox) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: sandbox.path(directory)).filter { !$0.hasSuffix(".facts") }.sorted()
}

extension FixtureServer {
  /// What was asked, without where: "PUT README.md".
  fileprivate func asked() throws -> [String] {
    try requests().map { $0.replacingOccurrences(of: "/models/team/tuned/", with: "") }
  }
}

@Test func `an artifact is pushed below a prefix, its manifest last, and a second push sends nothing`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox)
  let first = try store.succeed("push-artifact", push + ["receipt"])
  #expect(first.errors.contains("4 of 4 files are new at s3://models/team/tuned"))
  #expect(try store.asked().last == "PUT artifact.json")
  try sandbox.succeed(
    "push-artifact", ["--artifact", "adapter", "--base", "base", "--to", "dir:local", "-o", "other"])
  for file in ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"] {
    #expect(try sandbox.read("\(directory)/\(file)") == sandbox.read("local/\(file)"), "\(file)")
  }
  let result = try #require(try first.json()["result"])
  #expect(result["scheme"] == "s3" && result["destination"] == "models/team/tuned")
  try store.forgetRequests()
  let second = try store.succeed("push-artifact", push + ["receipt"])
  #expect(second.errors.contains("holds an adapter as it is; there was nothing to push"))
  #expect(try second.json()["digest"] == first.json()["digest"])
  #expect(try !store.requests().contains { $0.hasPrefix("PUT") })
}

@Test func `what an object store has lost is sent again, and nothing else`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox, faults: ["forgets-checksums"])
  try store.succeed("push-artifact", push + ["receipt"])
  try FileManager.default.removeItem(atPath: sandbox.path("\(directory)/README.md"))
  try store.forgetRequests()
  #expect(try store.succeed("push-artifact", push + ["receipt"]).errors.contains("1 of 4 files are new"))
  #expect(try store.asked().filter { !$0.hasPrefix("HEAD") } == ["GET artifact.json", "PUT README.md"])
}

@Test func `what lies below a prefix gives way only on request, and then its manifest first`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox)
  try store.succeed("push-artifact", ["--artifact", "base", "--to", "s3://models/team/tuned", "-o", "base-receipt"])
  try store.fail(
    "push-artifact", push + ["receipt"], code: 73,
    saying: "s3://models/team/tuned/artifact.json is there and differs from what would be written")
  #expect(!sandbox.names.contains("receipt"))
  try store.forgetRequests()
  try store.succeed("push-artifact", push + ["receipt", "--replace"])
  let changes = try store.asked().filter { !$0.hasPrefix("HEAD") && !$0.hasPrefix("GET") }
  #expect(changes.first == "DELETE artifact.json")
  #expect(changes.contains("DELETE config.json") && changes.contains("DELETE model.safetensors"))
  #expect(try objects(in: sandbox) == ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"])
}

@Test func `a file of somebody else's is not written over`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox)
  try FileManager.default.createDirectory(atPath: sandbox.path(directory), withIntermediateDirectories: true)
  try sandbox.write("notes", to: "\(directory)/README.md")
  try sandbox.write("{}", to: "\(directory)/README.md.facts")
  try store.fail("push-artifact", push + ["receipt"], code: 73, saying: "README.md is there and differs")
  #expect(try sandbox.read("\(directory)/README.md") == Data("notes".utf8))
  #expect(try !store.requests().contains { $0.hasPrefix("PUT") })
}

@Test(arguments: ["dropped", "unwell", "slow", "conflict", "lost-answer", "unconditional"])
func `a push goes through what happens to an object store`(fault: String) throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox, faults: [fault])
  try store.succeed("push-artifact", push + ["receipt"])
  #expect(try objects(in: sandbox).count == 4)
}

@Test(arguments: ["adapter_model.safetensors", "artifact.json"])
func `of two pushes at once the second is refused and leaves what the first has sent`(file: String) throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox, faults: ["rival-" + file])
  try store.fail(
    "push-artifact", push + ["receipt"], code: 73, saying: "s3://models/team/tuned/\(file) is there and differs")
  #expect(try sandbox.read("\(directory)/\(file)") == Data("{}".utf8))
  #expect(try objects(in: sandbox).contains("artifact.json") == (file == "artifact.json"))
}

@Test func `a replacement that is refused has left nothing of what gave way`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox, faults: ["denied"])
  try FileManager.default.createDirectory(atPath: sandbox.path(directory), withIntermediateDirectories: true)
  for file in ["artifact.json", "config.json", "model.safetensors"] {
    try FileManager.default.copyItem(
      atPath: sandbox.path(file == "artifact.json" ? "base/\(file)" : "model/\(file)"), toPath: sandbox.path("\(directory)/\(file)"))
    try sandbox.write("{}", to: "\(directory)/\(file).facts")
  }
  try store.fail("push-artifact", push + ["receipt", "--replace"], code: 66, saying: "refuses access")
  #expect(try objects(in: sandbox) == [])
}

@Test(arguments: [[], ["region-in-body"]])
func `a bucket's region and a login for some hours are honoured`(faults: [String]) throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox, region: "eu-central-1", session: "session-kept-secret", faults: faults)
  try store.succeed("push-artifact", push + ["receipt"])
  let outcome = try store.run("push-artifact", push + ["other"], environment: ["AWS_SESSION_TOKEN": "wrong"])
  #expect(outcome.code == 66 && outcome.errors.contains("hint: log in again"), "\(outcome.errors)")
}

@Test func `a push that an object store refuses says why and leaves no receipt`() throws {
  let sandbox = try sandboxToPublishFrom()
  func fail(
    _ store: StoreServer, _ environment: [String: String] = [:], _ arguments: [String] = push, code: Int32,
    _ message: String
  ) throws {
    try store.fail("push-artifact", arguments + ["receipt"], code: code, saying: message, environment: environment)
  }
  let denying = try StoreServer(sandbox, faults: ["denied"])
  try fail(denying, code: 66, "refuses access to s3://models/team/tuned/README.md (403): Access Denied")
  let store = try StoreServer(sandbox)
  try fail(store, ["AWS_SECRET_ACCESS_KEY": "other"], code: 66, "(403): The signature does not match.")
  try fail(store, ["AWS_ACCESS_KEY_ID": "AKIAOTHER"], code: 66, "(403): The key does not exist in our records.")
  try fail(
    store, ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""], code: 66, "there is no login for the object store")
  let long = push.map { $0.replacingOccurrences(of: "team/tuned", with: String(repeating: "a", count: 1015)) }
  try fail(store, [:], long, code: 64, "has more than the 1024 bytes of an object's name")
  let elsewhere = push.map { $0.replacingOccurrences(of: "//models", with: "//others") }
  try fail(store, [:], elsewhere, code: 66, "there is no bucket 'others': The specified bucket does not exist")
  try fail(try StoreServer(sandbox, faults: ["expired"]), code: 66, "(400): The provided token has expired.\nhint: log in again")
  #expect(!sandbox.names.contains("receipt"))
}

@Test func `an object store that garbles its answers is never believed`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox, faults: ["garble"])
  for round in 0..<40 {
    let outcome = try store.run("push-artifact", push + ["receipt-\(round)", "--replace"])
    #expect([0, 64, 65, 66, 73, 74].contains(outcome.code), "\(outcome.code): \(outcome.errors)")
    #expect(outcome.code == 0 || !sandbox.names.contains("receipt-\(round)"))
  }
}

@Test func `a pipeline pushes once to an object store, and again to another`() throws {
  let sandbox = try sandboxToPublishFrom()
  let store = try StoreServer(sandbox)
  try sandbox.write(
    """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      push: {stage: push-artifact, artifact: base, with: {to: "s3://models/team/tuned"}}
    """, to: "pipeline.yaml")
  try store.succeed("randlora", ["run", "pipeline.yaml"])
  #expect(try objects(in: sandbox).contains("artifact.json"))
  try store.forgetRequests()
  #expect(try store.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("2 up to date"))
  #expect(try store.requests().isEmpty)
  let elsewhere = try store.run(
    "randlora", ["status", "pipeline.yaml"], environment: ["AWS_ENDPOINT_URL": "https://store.example.org"])
  #expect(elsewhere.output.contains("AWS_ENDPOINT_URL"), "\(elsewhere.output)")
}

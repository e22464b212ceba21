import Foundation
import JSON
import TestSupport
import Testing

private let push = ["--artifact", "adapter", "--base", "base", "--to", "hf://me/tuned", "--json", "-o"]

@Test func `an adapter is pushed as one commit, and a second push sends nothing`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox)
  let first = try hub.succeed("push-artifact", push + ["receipt", "--commit-message", "First"])
  #expect(first.errors.contains("4 of 4 files are new at \(hub.endpoint)/me/tuned/commit/"))
  try sandbox.succeed(
    "push-artifact", ["--artifact", "adapter", "--base", "base", "--to", "dir:local", "-o", "other"])
  for file in ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"] {
    #expect(try sandbox.read("hub/repositories/me/tuned/main/\(file)") == sandbox.read("local/\(file)"))
  }
  let result = try #require(try first.json()["result"])
  #expect(result["scheme"] == "hf" && result["destination"] == "me/tuned")
  #expect(
    try sandbox.json("receipt/run.json")["metrics"]?.arrayValue?.first?["commit"]?.stringValue?.count == 40)
  try hub.forgetRequests()
  let second = try hub.succeed("push-artifact", push + ["receipt"])
  #expect(second.errors.contains("hf://me/tuned holds an adapter as it is; there was nothing to push"))
  #expect(try second.json()["digest"] == first.json()["digest"])
  #expect(try !hub.requests().contains { $0.contains("PUT") || $0.contains("/commit/") })
}

@Test func `the token goes to the Hub and to no store`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox)
  try hub.succeed("push-artifact", push + ["receipt"])
  let requests = try hub.requests()
  #expect(requests.contains { $0.hasPrefix("store PUT") })
  #expect(requests.allSatisfy { $0.contains(" token ") == $0.hasPrefix("hub ") }, "\(requests)")
  let files = try FileManager.default.subpathsOfDirectory(atPath: sandbox.directory).filter {
    !$0.hasPrefix("hub/")
  }
  for file in files {
    #expect(
      FileManager.default.contents(atPath: sandbox.path(file))?.range(of: Data(HubServer.token.utf8)) == nil)
  }
}

@Test(arguments: ["busy", "multipart", "unwell-once"])
func `a push goes through what happens to a Hub`(fault: String) throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox, faults: [fault])
  try hub.succeed("push-artifact", push + ["receipt"])
  try sandbox.succeed(
    "push-artifact", ["--artifact", "adapter", "--base", "base", "--to", "dir:local", "-o", "other"])
  let file = "adapter_model.safetensors"
  #expect(try sandbox.read("hub/repositories/me/tuned/main/\(file)") == sandbox.read("local/\(file)"))
}

@Test func `an answer that is lost is not asked for twice, and the next push finds out`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox, faults: ["lost-answer"])
  try hub.fail(
    "push-artifact", push + ["receipt"], code: 74,
    saying: "POST \(hub.endpoint)/api/models/me/tuned/commit/main failed: ")
  #expect(!sandbox.names.contains("receipt"))
  #expect(try hub.requests().count { $0.contains("/commit/") } == 1)
  #expect(try hub.succeed("push-artifact", push + ["receipt"]).errors.contains("there was nothing to push"))
}

@Test func `an older artifact gives way whole, and one of another kind only when asked`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox)
  let merge = ["--base", "base", "--checkpoint", "adapter", "-o"]
  try sandbox.succeed("merge", merge + ["whole"])
  try sandbox.succeed("merge", merge + ["shards", "--max-shard-size", "6KB"])
  func files() -> Set<String> {
    Set(
      sandbox.contents.keys.filter { $0.hasPrefix("hub/repositories/me/m/main/") }.map {
        ($0 as NSString).lastPathComponent
      })
  }
  try hub.succeed("push-artifact", ["--artifact", "whole", "--to", "hf://me/m", "-o", "one"])
  #expect(files().contains("model.safetensors"))
  let second = try hub.succeed(
    "push-artifact", ["--artifact", "shards", "--to", "hf://me/m", "--private", "-o", "two"])
  #expect(second.errors.contains("'me/m' was there before, and stays as public or private as it is"))
  #expect(!files().contains("model.safetensors") && files().contains("model.safetensors.index.json"))
  let other = ["--artifact", "adapter", "--base", "base", "--to", "hf://me/m", "-o", "three"]
  try hub.fail(
    "push-artifact", other, code: 73,
    saying: "'me/m' holds a model, and an adapter beside it would be mixed up with it")
  try hub.succeed("push-artifact", other + ["--replace"])
  #expect(files() == ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"])
  try hub.fail(
    "push-artifact",
    ["--artifact", "whole", "--to", "hf://me/m@\(String(repeating: "a", count: 40))", "-o", "four"], code: 64,
    saying: "is a commit, and nothing can be pushed to one")
}

@Test func `a repository that was renamed is found under its old name`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox, faults: ["renamed"])
  try hub.succeed(
    "push-artifact", ["--artifact", "adapter", "--base", "base", "--to", "hf://me/old", "-o", "receipt"])
  #expect(sandbox.contents["hub/repositories/me/new/main/README.md"] != nil)
}

@Test func `a branch is made, a pull request proposed`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox)
  let some = ["--artifact", "adapter", "--base", "base", "--to"]
  try hub.succeed("push-artifact", some + ["hf://me/tuned@try", "-o", "one"])
  #expect(sandbox.contents["hub/repositories/me/tuned/try/README.md"] != nil)
  #expect(sandbox.contents["hub/repositories/me/tuned/main/README.md"] == nil)
  let proposed = try hub.succeed("push-artifact", some + ["hf://me/tuned", "--create-pr", "-o", "two"])
  #expect(proposed.errors.contains("are new at \(hub.endpoint)/me/tuned/discussions/1"))
  #expect(sandbox.contents["hub/repositories/me/tuned/main/README.md"] == nil)
}

@Test(arguments: [
  ("bad-card", 65, "the Hub refuses the card README.md: \"base_model\" is a path"),
  ("ignore", 65, "the repository's .gitignore leaves 'README.md' out"),
  ("no-room", 74, "the Hub does not take 'adapter_model.safetensors': no room left"),
  ("changed-meanwhile", 74, "somebody else changed 'me/tuned' meanwhile"),
  (
    "gated", 66,
    "gives 'me/tuned' only to those who were granted access: Access to model me/tuned is restricted"
  ),
])
func `a refused push says why and leaves no receipt`(fault: String, code: Int32, message: String) throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox, faults: [fault])
  try hub.fail("push-artifact", push + ["receipt"], code: code, saying: message)
  #expect(!sandbox.names.contains("receipt"))
}

@Test func `a push without the right token is refused`() throws {
  let sandbox = try sandboxToPublishFrom()
  let hub = try HubServer(sandbox)
  try hub.fail(
    "push-artifact", push + ["receipt"], code: 66,
    saying: "hint: set HF_TOKEN to a token from \(hub.endpoint)/settings/tokens",
    environment: ["HF_TOKEN": ""])
  try hub.fail(
    "push-artifact", push + ["receipt"], code: 66,
    saying: "refuses access to 'me/tuned' (401): Invalid credentials in Authorization header",
    environment: ["HF_TOKEN": "hf_other"])
  try hub.fail(
    "push-artifact", push + ["receipt"], code: 64,
    saying: "HF_ENDPOINT ('http://example.org') is no URL to use: it is not encrypted",
    environment: ["HF_ENDPOINT": "http://example.org"])
  try hub.fail(
    "push-artifact", push + ["receipt"], code: 64, saying: "HF_HUB_OFFLINE is set",
    environment: ["HF_HUB_OFFLINE": "1"])
  // The token that 'hf auth login' keeps is found.
  try FileManager.default.createDirectory(atPath: sandbox.path("hf"), withIntermediateDirectories: true)
  try sandbox.write(HubServer.token + "\n", to: "hf/token")
  #expect(try hub.run("push-artifact", push + ["receipt"], environment: ["HF_TOKEN": ""]).code == 0)
}

@Test func `options of the Hub are for the Hub`() throws {
  let sandbox = try sandboxToPublishFrom()
  for (flag, option) in [
    ("--private", ["--private"]), ("--create-pr", ["--create-pr"]),
    ("--commit-message", ["--commit-message", "x"]),
  ] {
    try sandbox.fail(
      "push-artifact",
      ["--artifact", "adapter", "--base", "base", "--to", "dir:out", "-o", "receipt"] + option, code: 64,
      saying: "\(flag) is for the Hugging Face Hub, not for dir:out")
  }
}

import Foundation
import JSON
import TestSupport
import Testing

/// A sandbox whose directory 'model' is on the Hub as org/tiny.
private func sandboxWithModel() throws -> Sandbox {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  return sandbox
}

private func importing(_ name: String = "org/tiny") -> [String] {
  ["--base-model", name, "--json", "-o", "base"]
}

@Test func `a model of the Hub is fetched once, checked, and pinned to its commit`() throws {
  let sandbox = try sandboxWithModel()
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"])
  let base = try hub.succeed("import-base", importing()).json()
  let commit = try #require(base["result"]?["base_model_revision"]?.stringValue)
  #expect(commit.count == 40 && base["result"]?["base_model_id"] == "org/tiny")
  // The layout that huggingface_hub has.
  let cache = "hf/hub/models--org--tiny"
  #expect(try String(decoding: sandbox.read("\(cache)/refs/main"), as: UTF8.self) == commit)
  for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
    #expect(try sandbox.read("\(cache)/snapshots/\(commit)/\(file)") == sandbox.read("model/\(file)"))
    let link = try FileManager.default.destinationOfSymbolicLink(
      atPath: sandbox.path("\(cache)/snapshots/\(commit)/\(file)"))
    #expect(link.hasPrefix("../../blobs/"))
  }
  let requests = try hub.requests()
  #expect(
    requests.contains { $0.hasPrefix("store GET") && $0.contains(" - ") }, "the token stays with the Hub")
  try hub.forgetRequests()
  let again = try hub.succeed("import-base", ["--base-model", "org/tiny@\(commit)", "--json", "-o", "again"])
    .json()
  #expect(again["digest"] == base["digest"])
  #expect(try !hub.requests().contains { $0.contains("/resolve/") || $0.hasPrefix("store") })
  // What other tools have cached counts when it is right, and only then.
  try sandbox.edit("\(cache)/snapshots/\(commit)/config.json") { $0[0] ^= 1 }
  let weights = try FileManager.default.destinationOfSymbolicLink(
    atPath: sandbox.path("\(cache)/snapshots/\(commit)/model.safetensors"))
  try sandbox.edit("\(cache)/blobs/\((weights as NSString).lastPathComponent)") { $0[100] ^= 1 }
  let mended = try hub.succeed("import-base", ["--base-model", "org/tiny", "--json", "-o", "mended"]).json()
  #expect(mended["digest"] == base["digest"])
  let offline = try hub.run(
    "import-base", ["--base-model", "org/tiny", "--json", "-o", "offline"],
    environment: ["HF_HUB_OFFLINE": "1"])
  #expect(try offline.json()["digest"] == base["digest"])
}

@Test(arguments: [["drop"], ["drop", "no-range"]])
func `a download that is cut off goes on where it was`(faults: [String]) throws {
  let sandbox = try sandboxWithModel()
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"], faults: faults)
  try hub.succeed("import-base", importing())
  let ranges = try hub.requests().filter { $0.hasPrefix("store GET") }.map {
    $0.split(separator: " ").last.map(String.init)
  }
  #expect(ranges.count == 2 && ranges[0] == "-" && ranges[1]?.hasPrefix("bytes=") == true, "\(ranges)")
}

@Test func `what a run has fetched counts in the next`() throws {
  let sandbox = try sandboxWithModel()
  do {
    let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"], faults: ["always-drop", "no-range"])
    try hub.fail("import-base", importing(), code: 74, saying: "failed: ")
  }
  #expect(sandbox.contents.keys.contains { $0.hasSuffix(".randlora-incomplete") })
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"])
  try hub.succeed("import-base", importing())
  #expect(try hub.requests().contains { $0.hasPrefix("store GET") && $0.contains("bytes=") })
  #expect(!sandbox.contents.keys.contains { $0.hasSuffix(".randlora-incomplete") })
}

@Test(arguments: [
  (
    "damaged", 65,
    "'model.safetensors' of 'org/tiny' came damaged: its hash is not the one that the Hub lists"
  ),
  ("longer", 65, "'model.safetensors' came with "),
  ("outside", 65, "this is no path inside of a repository"),
  ("gated", 66, "gives 'org/tiny' only to those who were granted access"),
])
func `what a Hub must not get through with`(fault: String, code: Int32, message: String) throws {
  let sandbox = try sandboxWithModel()
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"], faults: [fault])
  try hub.fail("import-base", importing(), code: code, saying: message)
  #expect(!sandbox.names.contains("base") && !sandbox.names.contains("outside"))
  #expect(!sandbox.contents.keys.contains { $0.contains("snapshots/") && $0.hasSuffix("model.safetensors") })
}

@Test func `what is not on the Hub is named`() throws {
  let sandbox = try sandboxWithModel()
  try FileManager.default.createDirectory(atPath: sandbox.path("pickled"), withIntermediateDirectories: true)
  try sandbox.write("{}", to: "pickled/config.json")
  try sandbox.write("x", to: "pickled/pytorch_model.bin")
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model", "org/old": "pickled"])
  try hub.fail(
    "import-base", importing("org/none"), code: 66,
    saying:
      "there is no directory 'org/none', and \(hub.endpoint) has no model 'org/none', or the token may not see it"
  )
  try hub.fail("import-base", importing("org/tiny@v9"), code: 66, saying: "has no branch, tag or commit 'v9'")
  try hub.fail(
    "import-base", importing("org/old"), code: 66,
    saying: "'org/old' has no weights in the safetensors format")
  try hub.fail(
    "import-base", importing() + ["--base-model-id", "org/other"], code: 64,
    saying: "has no --base-model-id beside its own")
  try hub.fail(
    "import-base", importing(), code: 66, saying: "has not been fetched to",
    environment: ["HF_HUB_OFFLINE": "1"])
}

@Test func `a pipeline takes a model of the Hub, and asks for it once`() throws {
  let sandbox = try sandboxWithModel()
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"])
  try sandbox.write(
    """
    stages:
      base:  {stage: import-base, with: {base-model: org/tiny}}
      start: {stage: init-adapter, base: base, with: {rank: 2}}
      push:  {stage: push-artifact, artifact: start, base: base, with: {to: "hf://me/tuned"}}
    """, to: "pipeline.yaml")
  let first = try hub.succeed("randlora", ["run", "pipeline.yaml"])
  #expect(sandbox.contents["hub/repositories/me/tuned/main/adapter_config.json"] != nil, "\(first.errors)")
  try hub.forgetRequests()
  #expect(try hub.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("up to date"))
  #expect(try hub.requests().isEmpty)
  let elsewhere = try hub.run(
    "randlora", ["status", "pipeline.yaml"], environment: ["HF_ENDPOINT": "https://hub.example.org"])
  #expect(elsewhere.output.contains("HF_ENDPOINT"), "\(elsewhere.output)")
  // A directory of that name, once there is one, is what the words mean.
  try FileManager.default.createDirectory(atPath: sandbox.path("org"), withIntermediateDirectories: true)
  try TinyModel.write(in: sandbox, as: "org/tiny", seed: 2)
  try hub.succeed("randlora", ["run", "pipeline.yaml"])
  #expect(try !hub.requests().contains { $0.contains("org/tiny/resolve/") })
}

@Test func `a Hub that answers nonsense is refused, and never believed`() throws {
  let sandbox = try sandboxWithModel()
  try sandbox.succeed("import-base", ["--base-model", "model", "-o", "local"])
  try sandbox.succeed("init-adapter", ["--base", "local", "--rank", "2", "-o", "adapter"])
  let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"], faults: ["garble"])
  var codes: [String: Set<Int32>] = [:]
  for round in 0..<40 {
    try? FileManager.default.removeItem(atPath: sandbox.path("hf"))
    let imported = try hub.run("import-base", ["--base-model", "org/tiny", "-o", "base-\(round)"])
    codes["import", default: []].insert(imported.code)
    if imported.code == 0 {
      #expect(
        try sandbox.json("base-\(round)/artifact.json")["files"]
          == sandbox.json("local/artifact.json")["files"])
    }
    let pushed = try hub.run(
      "push-artifact",
      ["--artifact", "adapter", "--base", "local", "--to", "hf://me/r\(round)", "-o", "p-\(round)"])
    codes["push", default: []].insert(pushed.code)
    #expect([imported, pushed].allSatisfy { $0.code == 0 || $0.errors.contains("error: ") })
  }
  for seen in codes.values { #expect(seen.contains(65) && seen.isSubset(of: [0, 65, 66, 74]), "\(codes)") }
  #expect(!sandbox.names.contains("x"))
}

@Test func `a host that is not found is called so, after every try`() throws {
  let sandbox = try sandboxWithModel()
  let outcome = try sandbox.run(
    "import-base", ["--base-model", "org/tiny", "-o", "base"],
    environment: ["HF_ENDPOINT": "https://hub.invalid", "HF_HUB_OFFLINE": "", "HF_HOME": sandbox.path("hf")])
  #expect(outcome.code == 74)
  #expect(outcome.errors.contains("/api/models/org/tiny/revision/main failed: Couldn't resolve host name"), "\(outcome.errors)")
}

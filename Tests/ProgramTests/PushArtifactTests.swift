import Foundation
import JSON
import TestSupport
import Testing

/// A sandbox with a base and an adapter 'adapter' for it.
func sandboxToPublishFrom() throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny@v1")
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "-o", "adapter"])
  return sandbox
}

@Test func `a checkpoint is published as a PEFT directory without local paths`() throws {
  let sandbox = try sandboxToPublishFrom()
  let push = ["--artifact", "adapter", "--base", "base", "--to", "dir:peft", "--json", "--output"]
  let receipt = try sandbox.succeed("push-artifact", push + ["receipt"]).json()
  #expect(
    try FileManager.default.contentsOfDirectory(atPath: sandbox.path("peft")).sorted()
      == ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json", "run.json"])
  let configuration = try sandbox.json("peft/adapter_config.json")
  #expect(configuration["base_model_name_or_path"] == "org/tiny" && configuration["revision"] == "v1")
  #expect(configuration["save_projection"] == true)
  for file in ["README.md", "adapter_config.json", "artifact.json", "run.json"] {
    #expect(!String(decoding: try sandbox.read("peft/" + file), as: UTF8.self).contains(sandbox.directory))
  }
  let result = try #require(receipt["result"])
  #expect(result["kind"] == "adapter" && result["scheme"] == "dir" && result["destination"] == "peft")
  #expect(
    result["published"]?["files"]?.arrayValue?.map { $0["path"]?.stringValue }
      == ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"])
  // Again, also under another receipt, is success.
  try sandbox.succeed("push-artifact", push + ["receipt"])
  let other = try sandbox.succeed("push-artifact", push + ["other"]).json()
  #expect(other["digest"] == receipt["digest"])
}

@Test func `what is at the destination already must be equal`() throws {
  let sandbox = try sandboxToPublishFrom()
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "3", "-o", "other"])
  for to in ["dir:peft", "file:peft.tar.zst"] {
    try sandbox.succeed(
      "push-artifact",
      ["--artifact", "adapter", "--base", "base", "--to", to, "-o", "receipt-\(to.prefix(3))"])
    try sandbox.succeed(
      "push-artifact",
      ["--artifact", "adapter", "--base", "base", "--to", to, "-o", "receipt-\(to.prefix(3))"])
    try sandbox.fail(
      "push-artifact", ["--artifact", "other", "--base", "base", "--to", to, "-o", "receipt"], code: 73,
      saying: "exists and")
  }
}

@Test func `archives are the same bytes each time`() throws {
  let sandbox = try sandboxToPublishFrom()
  for name in ["one", "two"] {
    try sandbox.succeed(
      "push-artifact",
      ["--artifact", "adapter", "--base", "base", "--to", "file:\(name).tar.zst", "-o", "r-\(name)"])
  }
  #expect(try sandbox.read("one.tar.zst") == sandbox.read("two.tar.zst"))
}

@Test func `a base is published with its files`() throws {
  let sandbox = try sandboxToPublishFrom()
  try sandbox.succeed("push-artifact", ["--artifact", "base", "--to", "dir:copy", "-o", "receipt"])
  try FileManager.default.removeItem(atPath: sandbox.path("model"))
  let first = try sandbox.json("base/artifact.json")
  #expect(try sandbox.json("copy/artifact.json") == first)
  try sandbox.succeed("init-adapter", ["--base", "copy", "--rank", "2", "-o", "from-copy"])
  #expect(try sandbox.json("from-copy/artifact.json") == sandbox.json("adapter/artifact.json"))
}

@Test func `the random bases may stay out of an adapter`() throws {
  let sandbox = try sandboxToPublishFrom()
  try sandbox.succeed(
    "push-artifact",
    ["--artifact", "adapter", "--base", "base", "--no-save-projection", "--to", "dir:small", "-o", "receipt"])
  #expect(try sandbox.json("small/adapter_config.json")["save_projection"] == false)
  #expect(try sandbox.json("small/artifact.json")["adapter"]?["save_projection"] == false)
}

@Test func `push-artifact names what is wrong`() throws {
  let sandbox = try sandboxToPublishFrom()
  try TinyModel.write(in: sandbox, as: "other-model", seed: 2)
  try sandbox.succeed("import-base", ["--base-model", "other-model", "--output", "other"])
  func fail(_ arguments: [String], _ code: Int32, _ message: String, _ at: SourceLocation = #_sourceLocation)
    throws
  {
    try sandbox.fail(
      "push-artifact", arguments + ["-o", "receipt"], code: code, saying: message, sourceLocation: at)
  }
  try fail(["--artifact", "adapter", "--to", "ftp://x"], 64, "the scheme is none that is known")
  try fail(["--artifact", "nowhere", "--to", "dir:x"], 66, "there is no artifact at nowhere")
  try fail(["--artifact", "adapter", "--to", "dir:x"], 64, "publishing a checkpoint needs its base")
  try fail(["--artifact", "adapter", "--base", "other", "--to", "dir:x"], 65, "was made for the base")
  try fail(
    ["--artifact", "adapter", "--base", "adapter", "--to", "dir:x"], 65, "adapter is a checkpoint, not a base"
  )
  try fail(["--artifact", "base", "--to", "dir:model"], 73, "model exists and is not an artifact")
  try sandbox.edit("adapter/adapter_model.safetensors") { $0[$0.count - 1] ^= 1 }
  try fail(
    ["--artifact", "adapter", "--base", "base", "--to", "dir:x"], 65,
    "adapter/adapter_model.safetensors has the SHA-256")
}

@Test func `an older artifact at the destination gives way only on request`() throws {
  let sandbox = try sandboxToPublishFrom()
  let push = ["--base", "base", "--artifact", "adapter", "--to"]
  for destination in ["dir:there", "file:there.tar.zst"] {
    try sandbox.succeed("push-artifact", push + [destination, "--output", "first-\(destination.prefix(3))"])
    let other = push + [destination, "--no-save-projection", "--output", "second-\(destination.prefix(3))"]
    #expect(try sandbox.run("push-artifact", other).code == 73)
    try sandbox.succeed("push-artifact", other + ["--replace"])
  }
  #expect(try sandbox.json("there/artifact.json")["adapter"]?["save_projection"] == false)
}

@Test func `what was published and then removed is published again`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  try sandbox.write(
    """
    stages:
      base: {stage: import-base, with: {base-model: model}}
      copied: {stage: push-artifact, artifact: base, with: {to: "dir:out/copy"}}
      packed: {stage: push-artifact, artifact: base, with: {to: "file:out/packed.tar.zst"}}

    """, to: "pipeline.yaml")
  try FileManager.default.createDirectory(atPath: sandbox.path("out"), withIntermediateDirectories: true)
  try sandbox.succeed("randlora", ["run", "pipeline.yaml"])
  try FileManager.default.removeItem(atPath: sandbox.path("out/copy"))
  let explained = try sandbox.succeed("randlora", ["explain", "pipeline.yaml", "copied"])
  #expect(explained.output.contains("what was published is gone:"))
  #expect(try sandbox.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("1 made, 2 up to date"))
  #expect(FileManager.default.fileExists(atPath: sandbox.path("out/copy/config.json")))
  try FileManager.default.removeItem(atPath: sandbox.path("out/packed.tar.zst"))
  #expect(try sandbox.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("1 made, 2 up to date"))
  #expect(FileManager.default.fileExists(atPath: sandbox.path("out/packed.tar.zst")))
  #expect(try sandbox.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("0 made, 3 up to date"))
}

/// A pipeline that publishes a new adapter of a rank to one directory and one archive.
private func sandboxThatPublishes() throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny@v1")
  try sandbox.write(
    """
    variables: {rank: 2}
    stages:
      base: {stage: import-base, with: {base-model: model}}
      start: {stage: init-adapter, base: base, with: {rank: "${rank}"}}
      copied: {stage: push-artifact, base: base, artifact: start, with: {to: "dir:out/copy", replace: true}}
      packed: {stage: push-artifact, base: base, artifact: start, with: {to: "file:out/packed.tar.zst", replace: true}}

    """, to: "pipeline.yaml")
  try FileManager.default.createDirectory(atPath: sandbox.path("out"), withIntermediateDirectories: true)
  return sandbox
}

@Test func `what another result has replaced is published again`() throws {
  let sandbox = try sandboxThatPublishes()
  let run = ["run", "pipeline.yaml", "--set"]
  try sandbox.succeed("randlora", run + ["rank=2"])
  let (copy, packed) = (try sandbox.json("out/copy/artifact.json"), try sandbox.read("out/packed.tar.zst"))
  try sandbox.succeed("randlora", run + ["rank=3"])
  #expect(try sandbox.json("out/copy/artifact.json") != copy)
  let again = try sandbox.succeed("randlora", run + ["rank=2"])
  #expect(again.errors.contains("2 made, 2 up to date"), "\(again.errors)")
  #expect(again.errors.contains("what was published was replaced or changed: "), "\(again.errors)")
  #expect(try sandbox.json("out/copy/artifact.json") == copy)
  #expect(try sandbox.read("out/packed.tar.zst") == packed)
  #expect(try sandbox.succeed("randlora", run + ["rank=2"]).errors.contains("0 made, 4 up to date"))
}

@Test func `what somebody changed at the destination is neither up to date nor overwritten`() throws {
  let sandbox = try sandboxThatPublishes()
  try sandbox.succeed("randlora", ["run", "pipeline.yaml"])
  let whole = try sandbox.read("out/packed.tar.zst")
  try sandbox.edit("out/packed.tar.zst") { $0 += [0] }
  #expect(try sandbox.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("1 made, 3 up to date"))
  #expect(try sandbox.read("out/packed.tar.zst") == whole)
  try sandbox.edit("out/copy/README.md") { $0 += Array("my words\n".utf8) }
  let card = try sandbox.read("out/copy/README.md")
  for settings in [[], ["--verify", "always"], ["--set", "rank=3"]] {
    let refused = try sandbox.run("randlora", ["run", "pipeline.yaml"] + settings)
    #expect(refused.code == 73, "\(refused.errors)")
    #expect(refused.errors.contains("README.md was changed or damaged since it was published, and would be replaced"))
    #expect(try sandbox.read("out/copy/README.md") == card)
  }
  try FileManager.default.removeItem(atPath: sandbox.path("out/copy"))
  try sandbox.succeed("randlora", ["run", "pipeline.yaml"])
  try sandbox.write("mine", to: "out/copy/notes.txt")
  #expect(try sandbox.succeed("randlora", ["run", "pipeline.yaml"]).errors.contains("0 made, 4 up to date"))
  let refused = try sandbox.run("randlora", ["run", "pipeline.yaml", "--set", "rank=3"])
  #expect(refused.code == 73)
  #expect(refused.errors.contains("copy/notes.txt is no file of the artifact there, and would be lost with it"))
  #expect(try sandbox.read("out/copy/notes.txt") == Data("mine".utf8))
}

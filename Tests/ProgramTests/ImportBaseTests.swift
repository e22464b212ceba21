import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

@Test func `import-base makes the same base twice and refers to the files by digest`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  let arguments = ["--base_model", "model", "--base-model-id", "org/tiny@v1", "--json", "--output"]
  let first = try sandbox.succeed("import-base", arguments + ["base"]).json()
  let second = try sandbox.succeed("import-base", arguments + ["again"]).json()
  #expect(first["digest"] == second["digest"])
  #expect(first["kind"] == "base")
  let section = first["result"]
  #expect(section?["parameters"] == .integer(TinyModel.parameterCount))
  #expect(section?["weight_dtype"] == "F32")
  #expect(section?["base_model_id"] == "org/tiny" && section?["base_model_revision"] == "v1")
  let files = try FileManager.default.contentsOfDirectory(atPath: sandbox.path("base")).sorted()
  #expect(files == ["artifact.json", "location.json", "run.json"])
}

@Test func `a base that exists already is success, a different one is not`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  try TinyModel.write(in: sandbox, as: "other", seed: 2)
  try sandbox.succeed("import-base", ["--base-model", "model", "--output", "base"])
  try sandbox.succeed("import-base", ["--base-model", "model", "--output", "base"])
  try sandbox.fail(
    "import-base", ["--base-model", "other", "--output", "base"], code: 73,
    saying: "base exists and holds another artifact")
}

@Test func `weights of every type and in shards are imported`() throws {
  let sandbox = try Sandbox()
  for (dtype, name) in [(DType.f16, "F16"), (.bf16, "BF16")] {
    try TinyModel.write(in: sandbox, as: name, dtype: dtype)
    let result = try sandbox.succeed("import-base", ["--base-model", name, "--json", "-o", "base-\(name)"])
      .json()
    #expect(result["result"]?["weight_dtype"] == .string(name))
  }
}

@Test func `import-base names what is wrong with a model and leaves nothing behind`() throws {
  let sandbox = try Sandbox()
  func fail(_ model: String, _ code: Int32, _ message: String, _ location: SourceLocation = #_sourceLocation)
    throws
  {
    try sandbox.fail(
      "import-base", ["--base-model", model, "--output", "base"], code: code, saying: message,
      sourceLocation: location)
  }
  try fail("nowhere", 66, "the directory 'nowhere' does not exist")
  try fail("org/name", 66, "there is no directory 'org/name', and 'org/name' has not been fetched")
  try sandbox.write("", to: "file")
  try fail("file", 65, "'file' is no directory")

  try TinyModel.write(in: sandbox, as: "no-config")
  try FileManager.default.removeItem(atPath: sandbox.path("no-config/config.json"))
  try fail("no-config", 66, "no-config/config.json")

  try TinyModel.write(in: sandbox, as: "no-weights")
  try FileManager.default.removeItem(atPath: sandbox.path("no-weights/model.safetensors"))
  try fail("no-weights", 66, "'no-weights' has neither model.safetensors nor model.safetensors.index.json")

  try TinyModel.write(in: sandbox, as: "truncated")
  try sandbox.edit("truncated/model.safetensors") { $0.removeLast(100) }
  try fail("truncated", 65, "truncated/model.safetensors")

  try TinyModel.write(in: sandbox, as: "reshaped") {
    $0[0].tensor = Tensor($0[0].tensor.array, shape: $0[0].tensor.shape.reversed())
  }
  try fail("reshaped", 65, "'model.embed_tokens.weight'")

  try TinyModel.write(in: sandbox, as: "missing") { $0.removeLast() }
  try fail("missing", 65, "the tensor 'model.norm.weight' is missing")

  try TinyModel.write(in: sandbox, as: "extra") { $0.append(("model.extra", Tensor([1], shape: [1]))) }
  try fail("extra", 65, "the tensor 'model.extra' belongs to no part of the model")

  for (name, value) in [("nan", Float.nan), ("infinite", .infinity)] {
    try TinyModel.write(in: sandbox, as: name) { weights in
      var values = weights[3].tensor.array
      values[5] = value
      weights[3].tensor = Tensor(values, shape: weights[3].tensor.shape)
    }
    try fail(name, 65, "is not finite at element 5")
  }

  try TinyModel.write(in: sandbox, as: "gpt")
  try sandbox.write(#"{"model_type": "gpt2"}"#, to: "gpt/config.json")
  try fail("gpt", 65, "the model type 'gpt2' is not supported")
}

@Test func `an id that is a local path is refused`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  try sandbox.fail(
    "import-base", ["--base-model", "model", "--base-model-id", "/root/model", "--output", "base"], code: 64,
    saying: "'/root/model' is no id of a model on the Hugging Face Hub")
}

@Test func `a tokenizer that cannot be used is told, and the base is made`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  #expect(try !sandbox.succeed("import-base", ["--base-model", "model", "-o", "good"]).errors.contains("warning"))
  try sandbox.write("{}", to: "model/tokenizer.json")
  let outcome = try sandbox.succeed("import-base", ["--base-model", "model", "-o", "base"])
  #expect(outcome.errors.contains("warning: the model's tokenizer cannot be used: "), "\(outcome.errors)")
}

@Test func `what generate says to nobody is an error`() throws {
  let sandbox = try sandboxWithBase()
  let program = Bundle.main.bundleURL.appendingPathComponent("generate").path
  let shell = Process()
  shell.executableURL = URL(fileURLWithPath: "/bin/sh")
  shell.arguments = ["-c", "'\(program)' --base base --prompt a --max-new-tokens 2 2> said > /dev/full"]
  shell.currentDirectoryURL = URL(fileURLWithPath: sandbox.directory)
  try shell.run()
  shell.waitUntilExit()
  #expect(shell.terminationStatus == 74)
  #expect(try String(decoding: sandbox.read("said"), as: UTF8.self).hasPrefix("error: cannot write to standard output: "))
}

import Foundation
import JSON
import TestSupport
import Testing

/// A sandbox with a tiny model, imported as 'base'.
func sandboxWithBase(id: String? = nil) throws -> Sandbox {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  let source = id.map { ["--base-model-id", $0] } ?? []
  try sandbox.succeed("import-base", ["--base-model", "model", "--output", "base"] + source)
  return sandbox
}

@Test func `init-adapter makes the same checkpoint twice, whatever the spelling of its flags`() throws {
  let sandbox = try sandboxWithBase()
  let first = try sandbox.succeed(
    "init-adapter",
    [
      "--base", "base", "--rank", "2", "--alpha", "40", "--dropout", "0", "--target-modules", "k_proj,q_proj",
      "--json",
    ]
      + ["--output", "one"]
  ).json()
  let second = try sandbox.succeed(
    "init-adapter",
    [
      "--base=base", "--r=2", "--randlora_alpha=40", "--randlora_dropout=0",
      "--randlora_target_modules=q_proj,k_proj",
    ]
      + ["--json", "--output_dir", "two"]
  ).json()
  #expect(first["digest"] == second["digest"])
  let section = try #require(first["result"])
  // k_proj is 4×8 (n = 2), q_proj 8×8 (n = 4); each has n·(r + min) values, in two layers.
  #expect(section["trainable_parameters"] == .integer(2 * (2 * (2 + 4) + 4 * (2 + 8))))
  #expect(section["step"] == 0 && section["bases"] == "generated" && section["dataset"]?.isNull == true)
  #expect(try sandbox.json("base/run.json")["inputs"] == [:])
}

@Test func `defaults are those of the reference example`() throws {
  let sandbox = try sandboxWithBase()
  let randlora = try sandbox.succeed("init-adapter", ["--base", "base", "--json", "-o", "r"]).json()
  let adapter = randlora["result"]?["adapter"]
  #expect(adapter?["r"] == 32 && adapter?["randlora_alpha"] == 640 && adapter?["randlora_dropout"] == 0.05)
  #expect(adapter?["target_modules"] == ["k_proj", "v_proj"])
  let lora = try sandbox.succeed("init-adapter", ["--base", "base", "--use_lora", "--json", "-o", "l"]).json()
  #expect(lora["result"]?["adapter"]?["lora_alpha"] == 64)
  #expect(try sandbox.json("l/run.json")["parameters"]?["alpha"] == 64)
}

@Test func `an adapter that exists already is not made again`() throws {
  let sandbox = try sandboxWithBase()
  let arguments = ["--base", "base", "--rank", "2", "--output", "adapter"]
  try sandbox.succeed("init-adapter", arguments)
  let again = try sandbox.succeed("init-adapter", arguments)
  #expect(again.errors.hasPrefix("'adapter' is up to date"))
  try sandbox.fail(
    "init-adapter", ["--base", "base", "--rank", "3", "--output", "adapter"], code: 73,
    saying: "adapter exists and holds another artifact")
  try sandbox.fail(
    "init-adapter", ["--base", "base", "--rank", "2", "--output", "base"], code: 73,
    saying: "'base' exists and is a base, not a checkpoint")
}

@Test func `an adapter continues from an exported one`() throws {
  let sandbox = try sandboxWithBase()
  let first = try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "--json", "-o", "one"])
    .json()
  try sandbox.succeed(
    "push-artifact", ["--artifact", "one", "--base", "base", "--to", "dir:peft", "-o", "receipt"])
  let second = try sandbox.succeed(
    "init-adapter", ["--base", "base", "--from-adapter", "peft", "--json", "-o", "two"]
  ).json()
  #expect(first["digest"] == second["digest"])
  try sandbox.fail(
    "init-adapter", ["--base", "base", "--from-adapter", "peft", "--rank", "3", "-o", "three"], code: 64,
    saying: "--rank cannot go with --from-adapter")
  try sandbox.fail(
    "init-adapter", ["--base", "base", "--from-adapter", "nowhere", "-o", "three"], code: 66,
    saying: "there is no directory 'nowhere'")
}

@Test(arguments: [
  (["--rank", "0"], 64, "the rank 0 is out of range"),
  (["--rank", "two"], 64, "The value 'two' is invalid for '--rank <rank>'"),
  (["--alpha", "0"], 64, "alpha 0.0 is not a number greater than zero"),
  (["--dropout", "1"], 64, "the dropout probability 1.0 is not in 0..<1"),
  (["--target-modules", "k_proj,nope"], 64, "no linear layer is called 'nope'"),
  (["--target-modules", "("], 64, "'('"),
  (["--layers-to-transform", "0,x"], 64, "--layers-to-transform: 'x' is no number of a layer"),
  (["--layers-to-transform", "7"], 64, "there is no layer 7"),
  (["--sparse", "--very-sparse"], 64, "--sparse and --very-sparse exclude each other"),
  (["--use-lora", "--sparse"], 64, "LoRA has no random bases"),
  (["--use-rslora"], 64, "use_rslora is for LoRA only"),
  (["--seed=-1"], 64, "the seed -1 is out of range"),
  (["--learning-rate", "1"], 64, "Unknown option '--learning-rate'"),
])
func `init-adapter refuses what makes no adapter`(arguments: [String], code: Int32, message: String) throws {
  let sandbox = try sandboxWithBase()
  try sandbox.fail(
    "init-adapter", ["--base", "base", "-o", "adapter"] + arguments, code: code, saying: message)
}

import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// A sandbox with `plain`, a base, and `base`, the same model in 4 bits.
private func quantizedSandbox() throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  try sandbox.succeed("import-base", ["--base-model", "model", "-o", "plain"])
  try sandbox.succeed(
    "import-base", ["--base-model", "model", "--base-model-id", "org/tiny", "--quantize", "nf4", "-o", "four"])
  return sandbox
}

@Test func `a quantized base holds a model of its own, with the same bytes every time`() throws {
  let sandbox = try quantizedSandbox()
  let flags = ["--base-model", "model", "--base-model-id", "org/tiny", "--quantize", "nf4", "--json"]
  let again = try sandbox.succeed("import-base", flags + ["--threads", "2", "-o", "again"]).json()
  let section = again["result"]
  #expect(
    section?["quantization"]
      == ["quant_type": "nf4", "block_size": 64, "double_quant": true, "compute_dtype": "F32"])
  #expect(section?["weight_dtype"] == "F32" && section?["parameters"] == .integer(TinyModel.parameterCount))
  #expect(try sandbox.read("four/artifact.json") == sandbox.read("again/artifact.json"))
  let config = try sandbox.json("four/config.json")["quantization_config"]
  #expect(config?["bnb_4bit_quant_type"] == "nf4" && config?["bnb_4bit_use_double_quant"] == true)
  #expect(try sandbox.read("four/tokenizer.json") == sandbox.read("model/tokenizer.json"))
  // The model stands on its own: it is imported as what it is, and its original is needed no more.
  try FileManager.default.removeItem(atPath: sandbox.path("model"))
  let taken = try sandbox.succeed("import-base", ["--base-model", "four", "--json", "-o", "taken"]).json()
  #expect(taken["result"]?["quantization"] == section?["quantization"])
}

@Test func `PEFT's and bitsandbytes' names of the options work`() throws {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  let flags = [
    "--base_model", "model", "--bnb_4bit_quant_type", "fp4", "--no-bnb-4bit-use-double-quant",
    "--bnb_4bit_compute_dtype", "bfloat16", "--llm_int8_skip_modules", "lm_head,down_proj", "--blocksize", "32",
  ]
  let result = try sandbox.succeed("import-base", flags + ["--json", "-o", "four"]).json()["result"]
  #expect(
    result?["quantization"]
      == ["quant_type": "fp4", "block_size": 32, "double_quant": false, "compute_dtype": "BF16"])
  let weights = try WeightFiles(directory: sandbox.path("four"))
  #expect(weights["model.layers.0.mlp.down_proj.weight"]?.dtype == .f32)
  #expect(weights["model.layers.0.mlp.up_proj.weight"]?.dtype == .u8)
}

@Test func `options that cannot be or would do nothing are refused`() throws {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  func fail(_ flags: [String], _ code: Int32, _ message: String, _ at: SourceLocation = #_sourceLocation) throws {
    try sandbox.fail(
      "import-base", ["--base-model", "model", "-o", "four"] + flags, code: code, saying: message, sourceLocation: at)
  }
  try fail(["--no-double-quant"], 64, "--no-double-quant has no effect without --quantize")
  try fail(["--quantize", "int8", "--blocksize", "128"], 64, "--blocksize has no effect with --quantize int8")
  try fail(["--quantize", "nf4", "--blocksize", "48"], 64, "--blocksize 48 is no size of blocks")
  try fail(["--quantize", "nf4", "--skip-modules", "lm_hat"], 64, "no linear layer is called 'lm_hat'")
  try fail(["--quantize", "int4"], 64, "The value 'int4' is invalid for '--quantize <quantize>'")
  try sandbox.succeed("import-base", ["--base-model", "model", "--quantize", "int8", "-o", "eight"])
  try sandbox.fail(
    "import-base", ["--base-model", "eight", "--quantize", "nf4", "-o", "four"], code: 65,
    saying: "the model is quantized already")
}

@Test(arguments: ["nf4", "int8"])
func `an adapter is trained, merged, measured and exported over a quantized base`(type: String) throws {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  let rows = (1...6).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
  try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
  let id = ["--base-model-id", "org/tiny"]
  try sandbox.succeed("import-base", ["--base-model", "model", "--quantize", type, "-o", "codes"] + id)
  try sandbox.succeed("prepare-data", ["--base", "codes", "--data-path", "data.jsonl", "-o", "data"])
  try sandbox.succeed(
    "init-adapter",
    ["--base", "codes", "--rank", "2", "--dropout", "0", "--target-modules", "all-linear", "-o", "start"])
  try sandbox.succeed(
    "train-step",
    ["--base", "codes", "--dataset", "data", "--checkpoint", "start", "--max-steps", "3", "--learning-rate", "0.01",
      "--batch-size", "2", "-o", "trained"])
  let inputs = ["--base", "codes", "--checkpoint", "trained"]
  try sandbox.succeed("generate", inputs + ["--prompt", "Add.", "--max-new-tokens", "2"])
  let adapted = try logits(sandbox, inputs, "evaluation")

  let result = try sandbox.succeed("merge", inputs + ["--json", "-o", "merged"]).json()["result"]
  #expect(result?["weights"] == "dequantized" && result?["dtype"] == "F32" && result?["original_base"] == .null)
  let config = try sandbox.json("merged/config.json")
  #expect(config["quantization_config"] == nil && config["dtype"] == "float32")
  try sandbox.succeed("import-base", ["--base-model", "merged", "-o", "merged-base"])
  let merged = try logits(sandbox, ["--base", "merged-base"], "evaluation-merged")
  #expect(difference(merged, adapted) < 1e-5)

  try sandbox.succeed(
    "push-artifact", ["--base", "codes", "--artifact", "trained", "--to", "dir:peft", "-o", "receipt"])
  #expect(try sandbox.json("peft/adapter_config.json")["base_model_name_or_path"] == "org/tiny")
}

/// Logits of all train rows.
private func logits(_ sandbox: Sandbox, _ inputs: [String], _ output: String) throws -> Tensor {
  try sandbox.succeed(
    "evaluate", inputs + ["--dataset", "data", "--split", "train", "--save-logits", "-o", output])
  return try SafeTensors(sandbox.path(output + "/logits.safetensors")).tensor("logits").floats()
}

@Test func `an adapter goes into the weights before quantization on request`() throws {
  let sandbox = try quantizedSandbox()
  try sandbox.succeed("init-adapter", ["--base", "four", "--rank", "2", "-o", "start"])
  let inputs = ["--base", "four", "--checkpoint", "start", "-o", "merged"]
  let result = try sandbox.succeed("merge", inputs + ["--original-base", "plain", "--json"]).json()["result"]
  #expect(result?["weights"] == "original")
  #expect(result?["original_base"]?.stringValue?.count == 64)
  let name = "model.layers.0.self_attn.k_proj.weight"  // the new adapter changes nothing yet
  let merged = try WeightFiles(directory: sandbox.path("merged")), model = try WeightFiles(directory: sandbox.path("model"))
  #expect(merged[name]?.floats().array == model[name]?.floats().array)
  #expect(try sandbox.read("merged/config.json") == sandbox.read("model/config.json"))
}

@Test func `weights that the base was not quantized from are refused`() throws {
  let sandbox = try quantizedSandbox()
  try sandbox.succeed("init-adapter", ["--base", "four", "--rank", "2", "-o", "start"])
  func fail(_ flags: [String], _ code: Int32, _ message: String) throws {
    try sandbox.fail("merge", flags + ["-o", "merged"], code: code, saying: message)
  }
  let inputs = ["--base", "four", "--checkpoint", "start", "--original-base"]
  try TinyModel.write(in: sandbox, as: "other-model", seed: 2)
  try sandbox.succeed("import-base", ["--base-model", "other-model", "-o", "other"])
  try fail(inputs + ["other"], 65, "'four' was not quantized from 'other': 'model.embed_tokens.weight' differs")
  // Also where the adapter changes nothing.
  for name in ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"] {
    try TinyModel.write(in: sandbox, as: name) { weights in
      let index = weights.firstIndex { $0.name == name } ?? 0
      weights[index].tensor.scale(by: -1)
    }
    try sandbox.succeed("import-base", ["--base-model", name, "-o", "of-\(name)"])
    try fail(inputs + ["of-\(name)"], 65, "'four' was not quantized from 'of-\(name)': '\(name)' differs")
  }
  try fail(inputs + ["four"], 65, "'four' was not quantized from 'four'")
  try sandbox.succeed("init-adapter", ["--base", "plain", "--rank", "2", "-o", "start-plain"])
  try fail(
    ["--base", "plain", "--checkpoint", "start-plain", "--original-base", "plain"], 64, "'plain' is not quantized")
}

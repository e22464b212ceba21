import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// A sandbox with a base and a LoRA checkpoint of rank 1 whose update of layer 1's v_proj is 2 · b · aᵀ.
private func sandboxWithLoRA(b: Float = 0.5) throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  try FileManager.default.createDirectory(atPath: sandbox.path("peft"), withIntermediateDirectories: true)
  let configuration: JSON = [
    "peft_type": "LORA", "r": 1, "lora_alpha": 2, "lora_dropout": 0, "bias": "none", "task_type": "CAUSAL_LM",
    "target_modules": ["v_proj"], "layers_to_transform": [1],
  ]
  try sandbox.write(configuration.text(), to: "peft/adapter_config.json")
  let name = "base_model.model.model.layers.1.self_attn.v_proj"
  try SafeTensors.write(
    [
      (name + ".lora_A.weight", .floats(Tensor((1...8).map(Float.init), shape: [1, 8]))),
      (name + ".lora_B.weight", .floats(Tensor([b, 0, 0, 1], shape: [4, 1]))),
    ], to: sandbox.path("peft/adapter_model.safetensors"))
  try sandbox.succeed("init-adapter", ["--base", "base", "--from-adapter", "peft", "-o", "adapter"])
  return sandbox
}

@Test func `a merged model is the base plus the adapter's update, and nothing else changes`() throws {
  let sandbox = try sandboxWithLoRA()
  let merge = ["--base", "base", "--checkpoint", "adapter", "--json", "--output"]
  let result = try sandbox.succeed("merge", merge + ["merged"]).json()
  #expect(result["kind"] == "model" && result["result"]?["dtype"] == "F32")
  #expect(result["result"]?["merged_modules"] == 1 && result["result"]?["base_model_id"] == "org/tiny")
  let before = try WeightFiles(directory: sandbox.path("model"))
  let after = try WeightFiles(directory: sandbox.path("merged"))
  #expect(before.descriptions == after.descriptions)
  for description in before.descriptions {
    var expected = try #require(before[description.name]).floats().array
    if description.name == "model.layers.1.self_attn.v_proj.weight" {
      for column in 0..<8 {
        expected[column] += 2 * 0.5 * Float(column + 1)
        expected[3 * 8 + column] += 2 * Float(column + 1)
      }
    }
    #expect(try #require(after[description.name]).floats().array == expected)
  }
  for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
    #expect(try sandbox.read("merged/" + file) == sandbox.read("model/" + file))
  }
  #expect(
    try sandbox.succeed("merge", merge + ["again", "--threads", "2"]).json()["digest"] == result["digest"])
}

@Test func `a merged model can have another type and be in shards, and can be imported again`() throws {
  let sandbox = try sandboxWithLoRA()
  try sandbox.succeed(
    "merge",
    [
      "--base", "base", "--checkpoint", "adapter", "--dtype", "bfloat16", "--max_shard_size", "3KB", "-o",
      "merged",
    ])
  #expect(try sandbox.json("merged/config.json")["dtype"] == "bfloat16")
  let index = try sandbox.json("merged/model.safetensors.index.json")
  #expect(index["metadata"]?["total_size"] == .integer(2 * TinyModel.parameterCount))
  let again = try sandbox.succeed("import-base", ["--base-model", "merged", "--json", "-o", "merged-base"])
    .json()
  #expect(again["result"]?["weight_dtype"] == "BF16")
  #expect(again["result"]?["parameters"] == .integer(TinyModel.parameterCount))
}

@Test func `merge names what is wrong`() throws {
  let sandbox = try sandboxWithLoRA(b: 1e5)
  func fail(_ arguments: [String], _ code: Int32, _ message: String, _ at: SourceLocation = #_sourceLocation)
    throws
  {
    try sandbox.fail("merge", arguments + ["-o", "merged"], code: code, saying: message, sourceLocation: at)
  }
  let inputs = ["--base", "base", "--checkpoint", "adapter"]
  try fail(
    inputs + ["--dtype", "float16"], 65,
    "the merged tensor 'model.layers.1.self_attn.v_proj.weight' is not finite as F16 at element 0")
  try fail(inputs + ["--dtype", "int8"], 64, "The value 'int8' is invalid for '--dtype <dtype>'")
  try fail(inputs + ["--max-shard-size", "big"], 64, "--max-shard-size: 'big' is no size")
  try fail(inputs + ["--threads", "0"], 64, "--threads must be a number from 1 to 1024")
  try fail(["--base", "base", "--checkpoint", "base"], 65, "base is a base, not a checkpoint")
  try fail(["--base", "base"], 64, "Missing expected argument '--checkpoint <checkpoint>'")
  try TinyModel.write(in: sandbox, as: "other-model", seed: 2)
  try sandbox.succeed("import-base", ["--base-model", "other-model", "--output", "other"])
  try fail(["--base", "other", "--checkpoint", "adapter"], 65, "was made for the base")
  try sandbox.edit("model/config.json") { $0.append(0x20) }
  try fail(inputs, 65, "model/config.json has")
  try sandbox.edit("model/config.json") { $0.removeLast() }
  try FileManager.default.removeItem(atPath: sandbox.path("model/model.safetensors"))
  try fail(inputs, 66, "model/model.safetensors is missing")
}

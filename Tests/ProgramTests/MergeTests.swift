import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// A sandbox with a base and a LoRA checkpoint of rank 1 whose update of layer 1's v_proj is 2 · b · aᵀ.
private func sandboxWithLoRA(b: Float = 0.5) throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  try sandbox.writeLoRA(b: b, as: "adapter")
  return sandbox
}

extension Sandbox {
  fileprivate func writeLoRA(b: Float, as name: String, saving: [String: StoredTensor] = [:]) throws {
    let folder = "peft-" + name
    try FileManager.default.createDirectory(atPath: path(folder), withIntermediateDirectories: true)
    let configuration: JSON = [
      "peft_type": "LORA", "r": 1, "lora_alpha": 2, "lora_dropout": 0, "bias": "none", "task_type": "CAUSAL_LM",
      "target_modules": ["v_proj"], "layers_to_transform": [1],
      "modules_to_save": .array(saving.keys.sorted().map { .string($0) }),
    ]
    try write(configuration.text(), to: folder + "/adapter_config.json")
    let module = "base_model.model.model.layers.1.self_attn.v_proj"
    var tensors: [(name: String, tensor: TensorSource)] = [
      (module + ".lora_A.weight", .floats(Tensor((1...8).map(Float.init), shape: [1, 8]))),
      (module + ".lora_B.weight", .floats(Tensor([b, 0, 0, 1], shape: [4, 1]))),
    ]
    for (name, tensor) in saving.sorted(by: { $0.key < $1.key }) {
      tensors.append(("base_model.model.\(name).weight", .floats(tensor.floats())))
    }
    try SafeTensors.write(tensors, to: path(folder + "/adapter_model.safetensors"))
    try succeed("init-adapter", ["--base", "base", "--from-adapter", folder, "-o", name])
  }
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

@Test func `adapters add up with their weights, and the manifest says which`() throws {
  let sandbox = try sandboxWithLoRA()
  try sandbox.writeLoRA(b: -2, as: "second")
  let merge = ["--base", "base", "--checkpoint", "adapter", "--checkpoint", "second"]
  let result = try sandbox.succeed("merge", merge + ["--weights", "-0.5,0.25", "--json", "-o", "merged"]).json()["result"]
  #expect(result?["merged_modules"] == 1)
  #expect(try #require(result?["adapters"]?.arrayValue).map { $0["weight"] } == [-0.5, 0.25])
  #expect((result?["unmerge_difference"]?.doubleValue ?? 1) < 1e-6)
  let name = "model.layers.1.self_attn.v_proj.weight"
  let before = try #require(WeightFiles(directory: sandbox.path("model"))[name]).floats().array
  let after = try #require(WeightFiles(directory: sandbox.path("merged"))[name]).floats().array
  for column in 0..<8 {
    // 2 · (−0.5 · 0.5 + 0.25 · −2) in the first row, 2 · (−0.5 + 0.25) in the last.
    #expect(abs(after[column] - before[column] + 1.5 * Float(column + 1)) < 1e-5)
    #expect(abs(after[24 + column] - before[24 + column] + 0.5 * Float(column + 1)) < 1e-5)
  }
  // Each flag once says the same; without weights all are 1; one taken away again leaves the base.
  let digest = try sandbox.json("merged/run.json")["inputs"]
  #expect(digest?["checkpoint"] != digest?["checkpoint-2"] && digest?["checkpoint-2"] != nil)
  let same = ["--weight", "-0.5", "--weight", "0.25", "-o", "same"]
  try sandbox.succeed("merge", merge + same)
  #expect(try sandbox.read("same/model.safetensors") == sandbox.read("merged/model.safetensors"))
  try sandbox.succeed(
    "merge", ["--base", "base", "--checkpoint", "adapter", "--checkpoint", "adapter", "--weights=1,-1", "-o", "none"])
  #expect(try sandbox.read("none/model.safetensors") == sandbox.read("model/model.safetensors"))
}

@Test func `a module trained in full moves by its weight, and adapters that both change it are refused`() throws {
  let sandbox = try sandboxWithLoRA()
  let before = try #require(WeightFiles(directory: sandbox.path("model"))["model.norm.weight"])
  let trained = Tensor(before.floats().array.map { $0 + 4 }, shape: before.shape)
  let saved = ["model.norm": StoredTensor(trained.array, dtype: .f32, shape: before.shape)]
  try sandbox.writeLoRA(b: 1, as: "second", saving: saved)
  let merge = ["--base", "base", "--checkpoint", "second"]
  try sandbox.succeed("merge", merge + ["--checkpoint", "adapter", "--weights", "0.25,1", "-o", "merged"])
  let after = try #require(WeightFiles(directory: sandbox.path("merged"))["model.norm.weight"])
  #expect(zip(before.floats().array, after.floats().array).allSatisfy { abs($1 - $0 - 1) < 1e-5 })
  try sandbox.fail(
    "merge", merge + ["--checkpoint", "second", "-o", "twice"], code: 65,
    saying: "'second' trains 'model.norm.weight' in full, and 'second' changes it too: they do not add up")
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
  try fail(inputs + ["--weights", "0.5,much"], 64, "--weights: 'much' is no number")
  try fail(inputs + ["--weights", "0.5,1"], 64, "--weights has 2 of them, but there are 1 checkpoints")
  try fail(["--base", "base", "--checkpoint", "base"], 65, "base is a base, not a checkpoint")
  try fail(["--base", "base"], 64, "Missing expected argument '--checkpoint <checkpoint>'")
  try TinyModel.write(in: sandbox, as: "other-model", seed: 2)
  try sandbox.succeed("import-base", ["--base-model", "other-model", "--output", "other"])
  try fail(["--base", "other", "--checkpoint", "adapter"], 65, "was made for the base")
  try sandbox.succeed("init-adapter", ["--base", "other", "--rank", "2", "-o", "others"])
  try fail(inputs + ["--checkpoint", "others"], 65, "'others' was made for the base")
  try sandbox.edit("model/config.json") { $0.append(0x20) }
  try fail(inputs, 65, "model/config.json has")
  try sandbox.edit("model/config.json") { $0.removeLast() }
  try FileManager.default.removeItem(atPath: sandbox.path("model/model.safetensors"))
  try fail(inputs, 66, "model/model.safetensors is missing")
}

@Test func `a pipeline names several adapters in a list, in their order`() throws {
  let sandbox = try sandboxWithLoRA()
  try sandbox.writeLoRA(b: -2, as: "second")
  func pipeline(_ list: String) -> String {
    """
    stages:
      second: {stage: init-adapter, base: ./base, with: {from-adapter: peft-second}}
      merged: {stage: merge, base: ./base, checkpoint: \(list), with: {weights: [-0.5, 2]}, export: out}
    """
  }
  try sandbox.write(pipeline("[./adapter, second]"), to: "p.yaml")
  try sandbox.succeed("randlora", ["run", "p.yaml"])
  let merge = ["--base", "base", "--checkpoint", "adapter", "--checkpoint", "second", "--weights", "-0.5,2"]
  try sandbox.succeed("merge", merge + ["-o", "merged"])
  #expect(try sandbox.read("out/model.safetensors") == sandbox.read("merged/model.safetensors"))
  try sandbox.write(pipeline("[second, thrid]"), to: "p.yaml")
  try sandbox.fail("randlora", ["run", "p.yaml"], code: 65, saying: "there is no stage 'thrid'")
  try sandbox.write(
    pipeline("second").replacingOccurrences(of: "base: ./base, check", with: "base: [./base, ./base], check"),
    to: "p.yaml")
  try sandbox.fail("randlora", ["run", "p.yaml"], code: 65, saying: "merge has no input 'base-2'")
}

@Test func `a merge says where the type of the weights changes what the model computes`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  var config = try #require(TinyModel.configuration.objectValue)
  (config["model_type"], config["architectures"]) = ("gemma", ["GemmaForCausalLM"])
  (config["head_dim"], config["hidden_act"]) = (2, "gelu_pytorch_tanh")
  try sandbox.write(JSON.object(config).text(), to: "model/config.json")
  try sandbox.succeed("import-base", ["--base-model", "model", "-o", "base"])
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "-o", "start"])
  let merge = ["--base", "base", "--checkpoint", "start", "--dtype"]
  let rounded = try sandbox.succeed("merge", merge + ["bfloat16", "-o", "rounded"])
  #expect(rounded.errors.contains("warning: models of type gemma scale their embeddings by a factor that is rounded"))
  #expect(try !sandbox.succeed("merge", merge + ["float32", "-o", "same"]).errors.contains("warning:"))
}

import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// A sandbox with a base, and a fresh adapter with random bases of its own as `adapter`.
private func sandboxWithAdapter() throws -> Sandbox {
  let sandbox = try sandboxWithBase(id: "org/tiny")
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "--output", "adapter"])
  return sandbox
}

private let merge = ["--base", "base", "--checkpoint", "adapter", "--format", "gguf"]

@Test func `a model merged to GGUF is one file with weights and tokenizer, the same bytes every time`() throws {
  let sandbox = try sandboxWithAdapter()
  let result = try sandbox.succeed("merge", merge + ["--outtype", "f32", "--json", "-o", "merged"]).json()
  #expect(result["result"]?["format"] == "gguf" && result["result"]?["dtype"] == "F32")
  let manifest = try sandbox.json("merged/artifact.json")
  #expect(manifest["files"]?.arrayValue?.compactMap { $0["path"]?.stringValue } == ["model.gguf"])
  let again = try sandbox.succeed("merge", merge + ["--outtype", "f32", "--threads", "2", "--json", "-o", "again"])
  #expect(try again.json()["digest"] == result["digest"])

  let file = GGUFFile(try sandbox.read("merged/model.gguf"))
  #expect(file.metadata["general.architecture"] == ["llama"] && file.metadata["general.file_type"] == ["0"])
  #expect(file.metadata["general.base_model.0.repo_url"] == ["https://huggingface.co/org/tiny"])
  #expect(file.metadata["tokenizer.ggml.pre"] == ["gpt-2"] && file.metadata["tokenizer.ggml.tokens"]?.count == 259)
  #expect(file.metadata["tokenizer.ggml.bos_token_id"] == ["256"] && file.metadata["tokenizer.ggml.eos_token_id"] == ["257"])
  #expect(file.metadata["tokenizer.ggml.padding_token_id"] == ["258"])
  #expect(file.metadata["tokenizer.ggml.add_bos_token"] == ["true"] && file.metadata["tokenizer.ggml.add_eos_token"] == ["false"])

  let configuration = try ModelConfiguration(file: sandbox.path("model/config.json"))
  let (weights, map) = (try WeightFiles(directory: sandbox.path("model")), GGUFTensorMap(configuration))
  #expect(file.tensors.count == configuration.weightShapes.count)
  for (name, shape) in configuration.weightShapes {
    let entry = try #require(map[name])
    let values = try weights.weight(name, shape: shape).floats().array
    let columns = shape.count == 1 ? 1 : shape[1]
    let expected = (0..<shape[0]).flatMap { row in
      values[entry.source(ofRow: row) * columns..<(entry.source(ofRow: row) + 1) * columns]
    }
    #expect(file.tensors[entry.name]?.shape == shape && file.floats(entry.name) == expected, "\(name)")
  }
}

/// As with the goldens of `RevisionTests`: when the digest changes, raise merge's revision.
@Test func `a GGUF file has the bytes that merge's revision stands for`() throws {
  let sandbox = try sandboxWithAdapter()
  let result = try sandbox.succeed("merge", merge + ["--outtype", "bf16", "--json", "-o", "merged"]).json()
  #expect(result["digest"] == "38b821884c4ca4e7b64eab572ca36255ffcd7b20c4d5cb2e05a6a4fcb28d3d0a")
  #expect(try sandbox.json("merged/run.json")["revision"] == 6)
}

@Test func `matrices have the type asked for, f16 unless given, and everything else is f32`() throws {
  let sandbox = try sandboxWithAdapter()
  try sandbox.succeed("merge", merge + ["-o", "f16"])
  try sandbox.succeed("merge", merge + ["--outtype", "bf16", "-o", "bf16"])
  for (name, code) in [("f16", UInt32(1)), ("bf16", 30)] {
    let tensors = GGUFFile(try sandbox.read(name + "/model.gguf")).tensors
    #expect(tensors.values.allSatisfy { $0.type == ($0.shape.count == 1 ? 0 : code) })
  }
}

@Test func `a GGUF file can be published and is no base`() throws {
  let sandbox = try sandboxWithAdapter()
  try sandbox.succeed("merge", merge + ["-o", "merged"])
  try sandbox.succeed("push-artifact", ["--artifact", "merged", "--to", "dir:public", "-o", "receipt"])
  #expect(try sandbox.read("public/model.gguf") == sandbox.read("merged/model.gguf"))
  try sandbox.fail(
    "import-base", ["--base-model", "merged", "-o", "next"], code: 65,
    saying: "'merged' holds a model as a GGUF file, which is for llama.cpp and cannot be a base")
  try sandbox.fail("generate", ["--base", "merged", "--prompt", "a"], code: 65, saying: "merged is a model, not a base")
}

@Test func `merge says what cannot be written as GGUF`() throws {
  let sandbox = try sandboxWithAdapter()
  func fail(_ arguments: [String], _ code: Int32, _ message: String, _ at: SourceLocation = #_sourceLocation) throws {
    try sandbox.fail("merge", arguments + ["-o", "merged"], code: code, saying: message, sourceLocation: at)
  }
  try fail(
    merge + ["--outtype", "q8_0"], 65,
    "the tensor 'model.embed_tokens.weight' has rows of 8 values, and q8_0 needs whole blocks of 32")
  try fail(merge + ["--outtype", "q4_0"], 64, "The value 'q4_0' is invalid for '--outtype <outtype>'")
  try fail(merge + ["--dtype", "float16"], 64, "--dtype and --max-shard-size do not go with --format gguf")
  try fail(["--base", "base", "--checkpoint", "adapter", "--outtype", "f16"], 64, "--outtype goes with --format gguf")

  try TinyModel.write(in: sandbox, as: "rotated")
  var config = try #require(try sandbox.json("rotated/config.json").objectValue)
  config["rope_scaling"] = ["rope_type": "yarn", "factor": 2, "beta_fast": 8]
  try sandbox.write(JSON.object(config).text(), to: "rotated/config.json")
  try sandbox.succeed("import-base", ["--base-model", "rotated", "-o", "rotated-base"])
  try sandbox.succeed("init-adapter", ["--base", "rotated-base", "--rank", "2", "-o", "rotated-adapter"])
  try fail(
    ["--base", "rotated-base", "--checkpoint", "rotated-adapter", "--format", "gguf"], 65,
    "the model's yarn has other bounds than 'beta_fast' 32 and 'beta_slow' 1, truncated, which llama.cpp's llama does not compute")
}

@Test func `values beyond f16 and a base without a tokenizer cannot be written as GGUF`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox) { weights in weights[0].tensor[0] = 1e5 }
  try sandbox.succeed("import-base", ["--base-model", "model", "-o", "base"])
  try sandbox.succeed("init-adapter", ["--base", "base", "--rank", "2", "-o", "adapter"])
  try sandbox.fail(
    "merge", merge + ["-o", "merged"], code: 65, saying: "the merged tensor 'model.embed_tokens.weight' is not finite as f16")
  try sandbox.remove("model/tokenizer.json")
  try sandbox.remove("model/tokenizer_config.json")
  try sandbox.succeed("import-base", ["--base-model", "model", "-o", "bare"])
  try sandbox.succeed("init-adapter", ["--base", "bare", "--rank", "2", "-o", "bare-adapter"])
  try sandbox.fail(
    "merge", ["--base", "bare", "--checkpoint", "bare-adapter", "--format", "gguf", "-o", "merged"], code: 66,
    saying: "the base 'bare' has no tokenizer.json")
}

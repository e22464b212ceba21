import Foundation
import JSON
import TestSupport
import Testing

/// The flags of PEFT's example on a tiny model.
@Suite struct FinetuneTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try TinyModel.write(in: sandbox)
    let rows = (0..<20).map { "{\"text\": \"row \($0)\"}\n" }.joined()
    try sandbox.write(rows, to: "rows.jsonl")
  }

  private static let inputs = ["--base_model", "model", "--data_path", "rows.jsonl", "--output_dir", "out/adapter"]

  private func finetune(_ arguments: String...) throws -> Outcome {
    try sandbox.run("randlora", ["finetune"] + Self.inputs + arguments)
  }

  @Test func `the example's flags make an adapter, and the same again does nothing`() throws {
    let flags = [
      "--batch_size", "8", "--num_epochs", "2", "--learning_rate", "1e-3", "--cutoff_len", "32", "--val_set_size", "4",
      "--eval_step", "1", "--save_step", "1", "--device", "cpu", "--rank", "2", "--randlora_alpha", "8",
      "--randlora_dropout", "0", "--randlora_target_modules", "q_proj,v_proj", "--sparse",
    ]
    let command = ["finetune"] + Self.inputs
    let first = try sandbox.run("randlora", command + flags)
    #expect(first.code == 0, "\(first.errors)")
    #expect(first.errors.contains("adapter: never run"), "\(first.errors)")
    let manifest = try sandbox.json("out/adapter/artifact.json")
    let configuration = try sandbox.json("out/adapter/adapter_config.json")
    #expect(configuration["peft_type"] == "RANDLORA" && configuration["r"] == 2 && configuration["sparse"] == true)
    #expect(FileManager.default.fileExists(atPath: sandbox.path("out/adapter/adapter_model.safetensors")))
    #expect(FileManager.default.fileExists(atPath: sandbox.path("out/.randlora/report.html")))
    let kebab = flags.map { $0.hasPrefix("--") ? String($0.map { $0 == "_" ? "-" : $0 }) : $0 }
    let again = try sandbox.run("randlora", command + kebab + ["--json"])
    #expect(try summary(of: again)["made"] == 0, "\(again.output)")
    let other = try sandbox.run("randlora", command + flags + ["--learning_rate", "1e-4"])
    #expect(other.code == 0, "\(other.errors)")
    let back = try sandbox.run("randlora", command + flags + ["--json"])
    #expect(try summary(of: back)["made"] == 1, "the adapter comes back: \(back.output)")
    #expect(try sandbox.json("out/adapter/artifact.json") == manifest)
    try sandbox.write("mine", to: "out/adapter/notes")
    #expect(try sandbox.run("randlora", command + flags).code == 0, "there is nothing to replace")
    let refused = try sandbox.run("randlora", command + flags + ["--learning_rate", "2e-4"])
    #expect(refused.code == 73)
    #expect(refused.errors.hasPrefix("error: "), "before the training: \(refused.errors)")
    #expect(refused.errors.contains("out/adapter/notes is no file of the artifact there"), "\(refused.errors)")
    try FileManager.default.removeItem(atPath: sandbox.path("out/adapter"))
    #expect(try sandbox.run("randlora", command + flags + ["--output_dir", "out/adapter/"]).code == 0)
    #expect(FileManager.default.fileExists(atPath: sandbox.path("out/adapter/adapter_model.safetensors")))
  }

  @Test func `any parameter of a stage can be set, and LoRA is one flag`() throws {
    let outcome = try finetune(
      "--use_lora", "-r", "3", "--val_set_size", "0", "--set", "trained.max-steps=1", "--set", "data.prompt-style=plain")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let configuration = try sandbox.json("out/adapter/adapter_config.json")
    #expect(configuration["peft_type"] == "LORA" && configuration["r"] == 3 && configuration["lora_alpha"] == 6)
  }

  @Test func `several files are read, what a stage warns of is seen, and the end says how to ask the model`() throws {
    let rows = { (names: [String]) in names.map { "{\"instruction\":\"\($0)\",\"output\":\"x\"}\n" }.joined() }
    try sandbox.write(rows(["a", "b", "c"]), to: "one.jsonl")
    try sandbox.write(rows(["d"]) + "{\"instruction\":\"e\",\"output\":\"\"}\n", to: "two.jsonl")
    let command = [
      "finetune", "--base_model", "model", "--output_dir", "o", "--rank", "2", "--val_set_size", "0",
      "--set", "data.prompt-style=plain",
    ]
    let outcome = try sandbox.succeed("randlora", command + ["--data_path", "one.jsonl", "two.jsonl"])
    #expect(outcome.errors.contains("warning: data: 1 rows have an empty answer"))
    let show = try sandbox.succeed("randlora", ["show", "data", "--store", ".randlora", "--json"]).json()
    #expect(show["dataset"]?["sources"]?.arrayValue?.compactMap { $0["rows"]?.integerValue } == [3, 2])
    let ask = try #require(outcome.errors.split(separator: "\n").first { $0.hasPrefix("try it: randlora ") })
    let words = ask.split(separator: " ").dropFirst(3).dropLast().map(String.init)
    try sandbox.succeed("randlora", words + ["a", "--max-new-tokens", "2"])
    let again = try sandbox.succeed("randlora", command + ["--data-path", "one.jsonl", "--data-path", "two.jsonl"])
    #expect(again.errors.contains("0 made"))
  }

  @Test func `a model of the Hub is tuned and the adapter pushed`() throws {
    let hub = try HubServer(sandbox, seeds: ["org/tiny": "model"])
    let flags = [
      "finetune", "--base_model", "org/tiny", "--data_path", "rows.jsonl", "--output_dir", "out/adapter", "--val_set_size", "0",
      "--set", "trained.max-steps=1", "--set", "data.prompt-style=plain", "--push_to_hub", "--hub_model_id", "me/it", "--json",
    ]
    try hub.succeed("randlora", flags)
    let pushed = "hub/repositories/me/it/main"
    for file in ["README.md", "adapter_config.json", "adapter_model.safetensors"] {
      #expect(try sandbox.read("\(pushed)/\(file)") == sandbox.read("out/adapter/\(file)"))
    }
    #expect(try sandbox.json("\(pushed)/adapter_config.json")["base_model_name_or_path"] == "org/tiny")
    try hub.forgetRequests()
    #expect(try summary(of: hub.succeed("randlora", flags))["made"] == 0)
    #expect(try hub.requests().isEmpty)
  }

  @Test func `what the stages cannot do is refused before anything runs`() throws {
    let device = try finetune("--device", "cuda:0")
    #expect(device.code == 64)
    #expect(device.errors.contains("'cuda:0' is not available"), "\(device.errors)")
    let hub = try finetune("--push_to_hub")
    #expect(hub.code == 64)
    #expect(hub.errors.contains("--push-to-hub needs --hub-model-id ORG/NAME"))
    #expect(try finetune("--cutoff_len", "many").code == 64)
    for (flags, sentence) in [
      (["--save_step", "0"], "'save-step' must be at least 1, found 0"),
      (["--learning_rate", "nan"], "'learning-rate' must be a number, found 'nan'"),
      (["--rank", "0"], "init-adapter: the rank 0 is out of range (1 to 65536)"),
      (["--sparse", "--very_sparse"], "init-adapter: --sparse and --very-sparse exclude each other"),
      (["--val_set_size", "1.5"], "prepare-data: --val-set-size must be a number of rows or a share of them below 1, found 1.5"),
      (["--push_to_hub", "--hub_model_id", "it"], "push-artifact: cannot push to 'hf://it': 'it' is not of the form ORG/NAME"),
    ] {
      let refused = try sandbox.run("randlora", ["finetune"] + Self.inputs + flags)
      #expect(refused.code == 64)
      #expect(refused.errors.hasPrefix("error: \(sentence)"), "\(refused.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("out")))
    try FileManager.default.createDirectory(
      atPath: sandbox.path("out/adapter"), withIntermediateDirectories: true)
    try sandbox.write("mine", to: "out/adapter/notes")
    let foreign = try finetune()
    #expect(foreign.code == 73)
    #expect(foreign.errors.contains("out/adapter exists and is not an artifact"), "\(foreign.errors)")
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("out/.randlora")))
  }

  private func summary(of outcome: Outcome) throws -> JSON {
    let line = try #require(outcome.output.split(separator: "\n").last)
    return try JSONDocument(String(line), source: "--json").root
  }
}

/// The pipelines of the package, cut short.
@Suite struct PipelinesTests {
  private static let pipelines = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../pipelines").standardizedFileURL.path

  @Test func `the comparison trains every method, rank and sparsity`() throws {
    let sandbox = try Sandbox()
    let rows = try String(contentsOfFile: Self.pipelines + "/quickstart/roman.train.jsonl", encoding: .utf8)
    try sandbox.write(rows.split(separator: "\n").prefix(8).joined(separator: "\n"), to: "rows.jsonl")
    let settings = [
      "steps=1", "exact_match=false", "data_path=\(sandbox.path("rows.jsonl"))", "trained.batch-size=2",
      "val_data_path=\(sandbox.path("rows.jsonl"))",
    ]
    let outcome = try sandbox.run(
      "randlora",
      ["run", Self.pipelines + "/compare-lora-randlora.yaml", "--json"] + settings.flatMap { ["--set", $0] },
      environment: ["RANDLORA_STORE": sandbox.path("store")])
    #expect(outcome.code == 0, "\(outcome.errors)")
    let line = try #require(outcome.output.split(separator: "\n").last)
    let outputs = try JSONDocument(String(line), source: "--json").root["outputs"]?.objectValue
    let trained = outputs?.keys.filter { $0.hasPrefix("trained[") } ?? []
    #expect(trained.count == 8, "\(trained)")
    #expect(trained.contains("trained[method=randlora,rank=8,sparsity=very-sparse]"))
    #expect(Set(trained.compactMap { outputs?[$0]?.stringValue }).count == 8)
  }

  @Test func `an option is refused although its file is still to be made`() throws {
    let sandbox = try Sandbox()
    try TinyModel.write(in: sandbox)
    try sandbox.write(
      """
      stages:
        base: {stage: import-base, with: {base-model: model}}
        raw: {command: "touch $output/rows.jsonl", outputs: [rows.jsonl]}
        data:
          stage: prepare-data
          base: base
          with: {data-path: {from: raw, path: rows.jsonl}, val-set-size: -3}

      """, to: "pipeline.yaml")
    let outcome = try sandbox.run("randlora", ["run", "pipeline.yaml"])
    #expect(outcome.code == 65)
    #expect(
      outcome.errors.hasPrefix("error: pipeline.yaml:7:68: prepare-data: --val-set-size must be a number of rows"),
      "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: sandbox.path(".randlora")))
    #expect(try sandbox.run("randlora", ["run", "pipeline.yaml", "-n", "--set", "data.val-set-size=0"]).code == 0)
  }
}

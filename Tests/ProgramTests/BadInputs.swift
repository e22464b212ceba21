import Checkpoint
import Foundation
import JSON
import Tensor
import TestSupport
import Testing

/// One thing that a person or a broken disk does wrong, and what the program says.
struct BadInput: CustomTestStringConvertible, Sendable {
  /// What the sandbox holds beforehand; each includes those before it.
  enum Stock: Int, Comparable {
    /// `model`, a tiny Llama.
    case model
    /// `base`, imported from it.
    case base
    /// `data`, 16 train and no validation rows, and `start`, an adapter of rank 2.
    case start
    /// `trained`: two steps on.
    case trained

    static func < (left: Stock, right: Stock) -> Bool { left.rawValue < right.rawValue }
  }

  let what: String
  let stage: String
  let arguments: String
  let code: Int32
  let sentence: String
  let stock: Stock
  let damage: @Sendable (Sandbox) throws -> Void

  var testDescription: String { "\(stage): \(what)" }

  init(
    _ what: String, _ stage: String, _ arguments: String, _ code: Int32, _ sentence: String,
    in stock: Stock = .model, damage: @escaping @Sendable (Sandbox) throws -> Void = { _ in }
  ) {
    (self.what, self.stage, self.arguments, self.code) = (what, stage, arguments, code)
    (self.sentence, self.stock, self.damage) = (sentence, stock, damage)
  }

  static let all = importBase + prepareData + initAdapter + trainStep + others
}

// MARK: - import-base

private let fromModel = "--base-model model -o out"

extension BadInput {
  /// A wrong model.
  private static func model(
    _ what: String, _ code: Int32, _ sentence: String, damage: @escaping @Sendable (Sandbox) throws -> Void
  ) -> BadInput {
    BadInput(what, "import-base", fromModel, code, sentence, damage: damage)
  }

  /// A config.json in which one field is wrong.
  private static func config(_ field: String, _ value: JSON, _ sentence: String) -> BadInput {
    model("\(field) is \(value.text(indent: 0))", 65, sentence) { sandbox in
      let changed = TinyModel.configuration.changed(at: [.key(field)]) { _ in value }
      try sandbox.write(changed.text(), to: "model/config.json")
    }
  }

  /// Weights of which one tensor is wrong.
  private static func weights(
    _ what: String, _ sentence: String, edit: @escaping @Sendable (inout [(name: String, tensor: Tensor)]) -> Void
  ) -> BadInput {
    model(what, 65, sentence) { try TinyModel.write(in: $0, edit: edit) }
  }

  private static let importBase = [
    BadInput("no such directory", "import-base", "--base-model nowhere -o out", 66, "the directory 'nowhere' does not exist"),
    model("no config.json", 66, "model/config.json") { try $0.remove("model/config.json") },
    model("config.json cut off", 65, "model/config.json:7:1: not valid JSON: unexpected end") {
      try $0.write("{\n\"model_type\": \"llama\",\n\n\n\n\n", to: "model/config.json")
    },
    config("hidden_size", "8", "/hidden_size: expected an integer, found a string"),
    config("hidden_size", 0, "/hidden_size: expected an integer from 1 to"),
    config("num_hidden_layers", 3, "the tensor 'model.layers.2.input_layernorm.weight' is missing"),
    config("num_key_value_heads", 3, "num_attention_heads 4 is not a multiple of num_key_value_heads 3"),
    config("rope_theta", -1, "/rope_theta: -1.0 is not greater than zero"),
    config("eos_token_id", 259, "/eos_token_id: expected an integer from 0 to 258, found 259"),
    config("model_type", "gpt2", "the model type 'gpt2' is not supported"),
    config("tie_word_embeddings", false, "the tensor 'lm_head.weight' is missing"),
    model("no weights", 66, "has neither model.safetensors nor model.safetensors.index.json") {
      try $0.remove("model/model.safetensors")
    },
    model("empty weights", 65, "model.safetensors is not a safetensors file: it has 0 bytes") {
      try $0.write("", to: "model/model.safetensors")
    },
    model("weights cut off", 65, "bytes, but") { try $0.edit("model/model.safetensors") { $0.removeLast(100) } },
    model("weights cut off in the header", 65, "is not a safetensors file: its header would have") {
      try $0.edit("model/model.safetensors") { $0.removeLast($0.count - 50) }
    },
    model("a pipe for weights", 65, "'model/model.safetensors' is not a regular file") {
      try $0.remove("model/model.safetensors")
      _ = unsafe mkfifo($0.path("model/model.safetensors"), 0o600)
    },
    weights("wrong shape", "the tensor 'model.embed_tokens.weight' has shape [8, 259], expected [259, 8]") {
      $0[0].tensor = Tensor($0[0].tensor.array, shape: $0[0].tensor.shape.reversed())
    },
    weights("missing tensor", "the tensor 'model.norm.weight' is missing") { $0.removeLast() },
    weights("unknown tensor", "the tensor 'model.extra' belongs to no part of the model") {
      $0.append(("model.extra", Tensor([1], shape: [1])))
    },
    weights("NaN weight", "model/model.safetensors: the tensor 'model.layers.0.input_layernorm.weight' is not finite at element 5") {
      $0[1].tensor[5] = .nan
    },
    weights("output head beside tied embeddings", "the tensor 'lm_head.weight' is not 'model.embed_tokens.weight'") {
      $0.append(("lm_head.weight", Tensor($0[0].tensor.array.map { $0 + 1 }, shape: $0[0].tensor.shape)))
    },
    model("tokenizer.json cut off", 65, "model/tokenizer.json:1:9: not valid JSON: unexpected end") {
      try $0.write("{\"added\"", to: "model/tokenizer.json")
    },
    BadInput("base for a model", "import-base", "--base-model base -o out", 65, "'base' is an artifact without a model's files in it", in: .base),
    BadInput("id that is a path", "import-base", fromModel + " --base-model-id /root/x", 64, "'/root/x' is no id of a model"),
    BadInput("output in a file", "import-base", "--base-model model -o model/config.json/out", 74, "a file of that name exists"),
    BadInput("output is no artifact", "import-base", "--base-model model -o model", 73, "model exists and is not an artifact"),
    BadInput(
      "output in an artifact", "import-base", "--base-model model -o base/inner/out", 64,
      "'base/inner/out' would lie inside of a base, '", in: .base),
    BadInput("output is the root", "import-base", "--base-model model -o /", 64, "'/' cannot be an output directory"),
    BadInput("bit flipped in a merged model", "import-base", "--base-model merged -o out", 65, "merged/model.safetensors has the SHA-256", in: .start) {
      try $0.succeed("merge", ["--base", "base", "--checkpoint", "start", "-o", "merged"])
      try $0.edit("merged/model.safetensors") { $0[$0.count - 1] ^= 1 }
    },
  ]
}

// MARK: - prepare-data

extension BadInput {
  /// A data file that is wrong.
  private static func rows(
    _ what: String, _ text: String, _ sentence: String, _ options: String = "", code: Int32 = 65
  ) -> BadInput {
    let arguments = "--base base --data-path rows.jsonl -o out " + options
    return BadInput(what, "prepare-data", arguments, code, sentence, in: .base) {
      try $0.write(text, to: "rows.jsonl")
    }
  }

  private static let row = #"{"instruction":"a","output":"b"}"#

  private static let prepareData = [
    BadInput("no base", "prepare-data", "--base nowhere --data-path x -o out", 66, "there is no artifact at nowhere"),
    BadInput("a model for a base", "prepare-data", "--base model --data-path x -o out", 66, "model is not an artifact"),
    BadInput("no data", "prepare-data", "--base base --data-path x -o out", 66, "there is no file 'x'", in: .base),
    rows("empty file", "", "rows.jsonl: the file is empty"),
    rows("a line cut off", row + "\n{\"instruction\":", "rows.jsonl:2:16: not valid JSON: unexpected end"),
    rows("unknown key", #"{"instruction":"a","outptu":"b"}"#, "rows.jsonl:1:1: the field 'output' is missing"),
    rows(
      "two kinds", #"{"text":"a","instruction":"b","output":"c"}"#,
      "rows.jsonl:1:1: the row could be of several kinds: it has 'text' and 'instruction'"),
    rows("preview below 0", row, "--preview must be a number of rows, found -1", "--preview=-1", code: 64),
    rows("no known key", #"{"question":"a"}"#, "rows.jsonl:1:1: expected a row with 'text'"),
    rows("text that is a number", #"{"text":1}"#, "rows.jsonl:1:9: /text: expected a string, found an integer"),
    rows("rows of two kinds", row + "\n{\"text\":\"a\"}", "rows.jsonl:2: a row with 'text' after a row with 'instruction'"),
    rows("id outside the vocabulary", #"{"input_ids":[1,259]}"#, "/input_ids/1: expected a token id from 0 to 258"),
    rows("all rows masked", #"{"input_ids":[1,2],"labels":[-100,-100]}"#, "none of 1 rows is left to learn from: 1 with nothing to learn"),
    rows("label that is another token", #"{"input_ids":[1,2],"labels":[1,3]}"#, "/labels/1: expected 2, as in input_ids, or -100"),
    rows("half a surrogate pair", #"{"text":"\ud800"}"#, "rows.jsonl:1:12: not valid JSON: half of a surrogate pair"),
    rows("all rows for validation", row, "--val-set-size leaves none of 1 rows to train on", "--val-set-size 1"),
    rows("cutoff below 2", row, "the cutoff length must be from 2 to 1073741824 tokens, found -5", "--cutoff-len -5", code: 64),
    BadInput("base whose weights moved", "prepare-data", "--base base --data-path x -o out", 66, "model/model.safetensors is missing", in: .base) {
      try $0.remove("model/model.safetensors")
    },
    BadInput("base whose config changed", "prepare-data", "--base base --data-path x -o out", 65, "model/config.json has", in: .base) {
      try $0.edit("model/config.json") { $0.append(0x20) }
    },
  ]
}

// MARK: - init-adapter

extension BadInput {
  private static func adapter(_ what: String, _ options: String, _ code: Int32, _ sentence: String) -> BadInput {
    BadInput(what, "init-adapter", "--base base -o out " + options, code, sentence, in: .base)
  }

  /// An exported adapter that was damaged.
  private static func exported(
    _ what: String, _ code: Int32, _ sentence: String, damage: @escaping @Sendable (Sandbox) throws -> Void
  ) -> BadInput {
    BadInput(what, "init-adapter", "--base base --from-adapter peft -o out", code, sentence, in: .start) {
      try $0.succeed("push-artifact", ["--artifact", "start", "--base", "base", "--to", "dir:peft", "-o", "receipt"])
      try $0.remove("peft/artifact.json")
      try damage($0)
    }
  }

  private static let initAdapter = [
    adapter("rank 0", "--rank 0", 64, "the rank 0 is out of range"),
    adapter("alpha that is no number", "--alpha nan", 64, "alpha nan is not a number greater than zero"),
    adapter("alpha beyond float32", "--alpha 1e300", 64, "alpha 1e+300 is larger than any number of float32"),
    adapter("unknown target module", "--target-modules k_proj,nope", 64, "no linear layer is called 'nope'"),
    adapter("random bases of LoRA", "--use-lora --sparse", 64, "sparse and very_sparse are for RandLoRA only"),
    adapter("layer that is not there", "--layers-to-transform 2", 64, "there is no layer 2"),
    exported("adapter with an unknown key", 65, "'surprise' with the value 1 is not supported") {
      try $0.edit("peft/adapter_config.json") { $0 = Data("{\"surprise\":1,".utf8) + $0.dropFirst() }
    },
    exported("adapter of another rank", 65, "has shape") {
      try $0.edit("peft/adapter_config.json") {
        $0 = Data(String(decoding: $0, as: UTF8.self).replacingOccurrences(of: "\"r\": 2", with: "\"r\": 3").utf8)
      }
    },
    exported("adapter cut off", 65, "peft/adapter_model.safetensors") {
      try $0.edit("peft/adapter_model.safetensors") { $0.removeLast(4) }
    },
    exported("NaN in an adapter", 65, "is not finite at element") { sandbox in
      try sandbox.edit("peft/adapter_model.safetensors") { data in
        let start = 8 + data.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        data.replaceSubrange(start..<start + 4, with: [0, 0, 0xC0, 0x7F])
      }
    },
    BadInput("adapter that is nowhere", "init-adapter", "--base base -o out --from-adapter me/adapter", 66, "there is no directory 'me/adapter'", in: .base),
    exported("adapter a level below", 66, "'peft' holds no adapter: it has no adapter_config.json\nhint: an adapter lies in 'peft/default'") {
      try FileManager.default.createDirectory(atPath: $0.path("peft/default"), withIntermediateDirectories: true)
      try FileManager.default.moveItem(atPath: $0.path("peft/adapter_config.json"), toPath: $0.path("peft/default/adapter_config.json"))
    },
    exported("adapter in PyTorch's format", 66, "'peft' has no adapter_model.safetensors\nhint: save the adapter as safetensors") {
      try FileManager.default.moveItem(atPath: $0.path("peft/adapter_model.safetensors"), toPath: $0.path("peft/adapter_model.bin"))
    },
    BadInput("bit flipped in an artifact's adapter", "init-adapter", "--base base -o out --from-adapter start", 65, "start/adapter_model.safetensors has the SHA-256", in: .start) {
      try $0.edit("start/adapter_model.safetensors") { $0[$0.count - 1] ^= 1 }
    },
  ]
}

// MARK: - train-step

extension BadInput {
  private static func training(
    _ what: String, _ options: String, _ code: Int32, _ sentence: String, in stock: Stock = .start,
    damage: @escaping @Sendable (Sandbox) throws -> Void = { _ in }
  ) -> BadInput {
    let inputs = options.contains("--base ") ? "" : "--base base --dataset data "
    let checkpoint = options.contains("--checkpoint") ? "" : "--checkpoint start "
    let output = options.contains("-o ") ? "" : "-o out "
    return BadInput(what, "train-step", inputs + checkpoint + output + options, code, sentence, in: stock, damage: damage)
  }

  /// Another model with the same shapes and tokenizer: 'other'.
  private static let otherBase: @Sendable (Sandbox) throws -> Void = { sandbox in
    try TinyModel.write(in: sandbox, as: "other-model", seed: 2)
    try sandbox.succeed("import-base", ["--base-model", "other-model", "-o", "other"])
  }

  private static let trainStep = [
    training("checkpoint of another base", "--base other --dataset data", 65, "'start' was made for the base", damage: otherBase),
    training("checkpoint that is a dataset", "--checkpoint data", 65, "data is a dataset, not a checkpoint"),
    training("checkpoint of another recipe", "--checkpoint trained --max-steps 3 --learning-rate 0.5", 65, "was trained with learning-rate 0.0003", in: .trained),
    training("phases longer than the horizon", "--lr-scheduler-type warmup_stable_decay --max-steps 4 --warmup-steps 3 --decay-steps 2", 64, "a warm-up of 3 steps and --decay-steps 2 are more than the horizon of 4"),
    training("horizon that is reached", "--checkpoint trained --max-steps 2", 65, "the checkpoint is at step 2, and the horizon is 2 steps", in: .trained),
    training("no steps", "--steps -1", 64, "--steps must be at least 1, found -1"),
    training("horizon of too many steps", "--max-steps 9223372036854775807", 64, "--max-steps must be from 1 to 1000000000"),
    training("influences before the start", "--max-steps 2 --influences=-1", 64, "--influences must be a step from 0 to the horizon 2"),
    training("influences beyond the horizon", "--max-steps 2 --influences 3", 64, "--influences must be a step from 0 to the horizon 2"),
    training("directory of the user's for the partial state", "", 73, "out.partial exists and is not an artifact") {
      try FileManager.default.createDirectory(atPath: $0.path("out.partial"), withIntermediateDirectories: true)
      try $0.write("mine", to: "out.partial/notes")
    },
    training("the same behind a slash", "-o out/", 73, "out.partial exists and is not an artifact") {
      try FileManager.default.createDirectory(atPath: $0.path("out.partial"), withIntermediateDirectories: true)
      try $0.write("mine", to: "out.partial/notes")
    },
    training("no rows a step", "--batch-size 0", 64, "--batch-size must be from 1 to 65536"),
    training("rate that diverges", "--max-steps 3 --learning-rate 1e30", 65, "training diverged at step 2: loss nan"),
    training("threads that are no number", "--threads many", 64, "The value 'many' is invalid for '--threads <threads>'"),
    training("dataset cut off", "", 65, "data/train.safetensors has") { try $0.edit("data/train.safetensors") { $0.removeLast() } },
    training("bit flipped in a checkpoint", "", 65, "start/adapter_model.safetensors has the SHA-256") {
      try $0.edit("start/adapter_model.safetensors") { $0[$0.count - 1] ^= 1 }
    },
    training("adapter that the manifest does not list", "", 65, "start/artifact.json: the artifact has no file 'adapter_model.safetensors'") {
      var manifest = try #require(try $0.json("start/artifact.json").objectValue)
      let files = try #require(manifest["files"]?.arrayValue).filter { $0["path"] != "adapter_model.safetensors" }
      manifest["files"] = .array(files)
      try $0.edit("start/artifact.json") { $0 = Data(JSON.object(manifest).text().utf8) }
    },
    training("moments lost", "--checkpoint trained --max-steps 3", 65, "trained/optimizer.safetensors is missing", in: .trained) {
      try $0.remove("trained/optimizer.safetensors")
    },
    training("dataset of another tokenizer", "--base base --dataset foreign", 65, "/dataset/tokenizer_sha256: the dataset was tokenized with another") {
      try TinyModel.write(in: $0, as: "other-model")
      try $0.edit("other-model/tokenizer.json") { $0.append(0x20) }
      try $0.succeed("import-base", ["--base-model", "other-model", "-o", "other"])
      try $0.succeed("prepare-data", ["--base", "other", "--data-path", "data.jsonl", "-o", "foreign"])
    },
    training("output in a file", "-o data.jsonl/out", 74, "cannot create the directory data.jsonl: a file of that name exists"),
    training("output is the base", "-o base", 73, "'base' exists and is a base, not a checkpoint"),
    training("output is a shorter segment", "--max-steps 2 --steps 1 -o trained", 73, "trained exists and holds another artifact: a checkpoint with another step", in: .trained),
  ]
}

// MARK: - The other programs

extension BadInput {
  /// A checkpoint that went too far in one step: 'far'.
  private static func diverged(_ stage: String, _ options: String) -> BadInput {
    BadInput(
      "checkpoint that diverged", stage, "--base base --checkpoint far " + options, 65, "what the model predicts is not finite",
      in: .start
    ) {
      let far = ["--max-steps", "1", "--learning-rate", "1e30", "-o", "far"]
      try $0.succeed("train-step", ["--base", "base", "--dataset", "data", "--checkpoint", "start"] + far)
    }
  }

  private static let others = [
    BadInput("no validation rows", "evaluate", "--base base --dataset data -o out", 65, "the dataset 'data' has no validation rows", in: .start),
    BadInput("unknown split", "evaluate", "--base base --dataset data --split dev -o out", 64, "--split must be validation, train or test, found 'dev'", in: .start),
    BadInput("split that the data has not", "evaluate", "--base base --dataset data --split test -o out", 65, "the dataset 'data' has no test rows", in: .start),
    BadInput("checkpoint of another base", "evaluate", "--base other --dataset data --checkpoint start --split train -o out", 65, "'start' was made for the base", in: .start, damage: otherBase),
    diverged("evaluate", "--dataset data --split train -o out"),
    diverged("generate", "--prompt a"),
    BadInput("output of a stage that makes none", "generate", "--base base --prompt a -o out", 64, "--output: generate makes no artifact", in: .base),
    BadInput("token that the model does not know", "generate", "--base odd --prompt <pad>", 65, "the tokenizer makes the token 900, which is outside the model's vocabulary (0 to 258)") {
      try $0.edit("model/tokenizer.json") {
        $0 = Data(String(decoding: $0, as: UTF8.self).replacingOccurrences(of: "258", with: "900").utf8)
      }
      try $0.succeed("import-base", ["--base-model", "model", "-o", "odd"])
    },
    BadInput("input of a conversation", "generate", "--base base --prompt a --input b --chat", 64, "hint: leave --input out, or --chat", in: .base),
    BadInput("two forms", "generate", "--base base --prompt a --dataset data --chat", 64, "--prompt-template and --dataset exclude one another", in: .start),
    BadInput("system message of an instruction", "generate", "--base base --prompt a --dataset data --system-prompt b", 64, "--system-prompt is for conversations, which the rows of --dataset are not", in: .start),
    BadInput("choices without chance", "generate", "--base base --prompt a --seed 3", 64, "--seed has no effect without --temperature", in: .base),
    BadInput("more tokens than any text has", "generate", "--base base --prompt a --max-new-tokens 9223372036854775807", 64, "--max-new-tokens must be from 1 to 1000000", in: .base),
    BadInput("style and template", "prepare-data", "--base base --data-path data.jsonl --prompt-style plain --prompt-template t -o out", 64, "--prompt-style and --prompt-template exclude one another", in: .start),
    BadInput("checkpoint of another base", "merge", "--base other --checkpoint start -o out", 65, "'start' was made for the base", in: .start, damage: otherBase),
    BadInput("no size", "merge", "--base base --checkpoint start --max-shard-size big -o out", 64, "--max-shard-size: 'big' is no size", in: .start),
    BadInput("prompt beyond the context", "generate", "--base base --prompt \(String(repeating: "x", count: 80))", 65, "the prompt has 81 tokens, the model's context is 64", in: .base),
    BadInput("no prompt", "generate", "--base base", 64, "--prompt is missing or empty", in: .base),
    BadInput("no rank and no energy", "convert-to-lora", "--base base --checkpoint start -o out", 64, "either --rank or --energy must be given", in: .start),
    BadInput("rank and energy", "convert-to-lora", "--base base --checkpoint start --rank 2 --energy 1 -o out", 64, "--rank and --energy exclude one another", in: .start),
    BadInput("no energy", "convert-to-lora", "--base base --checkpoint start --energy 1.5 -o out", 64, "--energy must be above 0 and at most 1, found 1.5", in: .start),
    BadInput("no rank", "convert-to-lora", "--base base --checkpoint start --rank 0 -o out", 64, "--rank must be at least 1, found 0", in: .start),
    BadInput("LoRA of another base", "convert-to-lora", "--base other --checkpoint start --rank 1 -o out", 65, "'start' was made for the base", in: .start, damage: otherBase),
    BadInput("unknown scheme", "push-artifact", "--artifact base --to ftp://x -o out", 64, "cannot push to 'ftp://x'", in: .base),
    BadInput("checkpoint without its base", "push-artifact", "--artifact start --to dir:peft -o out", 64, "publishing a checkpoint needs its base", in: .start),
    BadInput("a checkpoint in the place of its export", "push-artifact", "--artifact start --base base --to dir:start --replace -o out", 73, "start exists and is a checkpoint, which an adapter does not replace", in: .start),
    BadInput("a base in the place of an export", "push-artifact", "--artifact start --base base --to dir:base --replace -o out", 73, "base exists and is a base, which an adapter does not replace", in: .start),
    BadInput("a dataset in the place of a receipt", "push-artifact", "--artifact start --base base --to dir:peft -o data", 73, "'data' exists and is a dataset, not a receipt", in: .start),
    BadInput("a directory of the user's in the way", "push-artifact", "--artifact base --to dir:model -o out", 73, "model exists and is not an artifact", in: .base),
    BadInput("no such pipeline", "randlora", "run nowhere.yaml", 66, "nowhere.yaml"),
    BadInput("unknown flag", "merge", "--bsae base --checkpoint start -o out", 64, "Unknown option '--bsae'\nhint: did you mean '--base'? see 'merge --help'", in: .start),
  ]
}

import Foundation
import JSON
import TestSupport
import Testing

@Test(arguments: [[], ["--use-lora"], ["--very-sparse", "--dropout", "0.05"], ["--dtype", "bf16"]])
func `a step is timed and its multiplications are counted`(options: [String]) throws {
  let sandbox = try Sandbox()
  let arguments = ["step", "--shape", "tiny", "--rank", "8", "--cutoff-len", "16", "--steps", "2", "--threads", "1"]
  let result = try sandbox.succeed("benchmark", arguments + options).json()["result"]
  for field in ["seconds_per_step", "tokens_per_second", "share_of_sgemm", "peak_private_bytes"] {
    #expect(result?[field]?.doubleValue ?? 0 > 0, "\(field)")
  }
  // Two steps of a row of 16 tokens: D 64, q and o (64, 64), k and v (32, 64), F 128, V 512, two layers.
  let layer = 2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64
  let counts = result?["multiplications"]
  #expect(counts?["frozen_forward"]?.integerValue == 2 * 16 * 2 * layer)
  // In the lowest layer nothing needs the gradient of what q, k and v read.
  #expect(counts?["frozen_backward"]?.integerValue == 2 * 16 * (2 * layer - 64 * 64 - 2 * 32 * 64))
  #expect(counts?["attention"]?.integerValue == 2 * (16 * 17 / 2) * 64 * (2 + 4) * 2)
  #expect(counts?["head"]?.integerValue == 2 * 2 * 15 * 512 * 64)
  // So few tokens are multiplied with both factors, of k and of v; the trained one has the narrow side.
  let factors = options == ["--use-lora"] ? 3 * 8 * (64 + 32) : 32 * (2 * 64 + 3 * 32)
  #expect(counts?["update"]?.integerValue == 2 * 16 * 2 * 2 * factors && counts?["form"] == 0)
}

@Test func `forming and projecting updates is counted once a step`() throws {
  let arguments = ["step", "--shape", "tiny", "--rank", "8", "--cutoff-len", "64", "--steps", "3", "--threads", "1"]
  let counts = try Sandbox().succeed("benchmark", arguments).json()["result"]?["multiplications"]
  #expect(counts?["form"]?.integerValue == 3 * 2 * 2 * (2 * 32 * 32 * 64))
  #expect(counts?["update"]?.integerValue == 3 * 2 * 2 * (64 * 32 * 64))
}

@Test func `preparing data is timed beside tokenizing`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  try sandbox.write((0..<50).map { #"{"text":"row \#($0)"}"# }.joined(separator: "\n"), to: "data.jsonl")
  let arguments = ["prepare-data", "--tokenizer", "model", "--data-path", "data.jsonl", "--repetitions", "1"]
  let result = try sandbox.succeed("benchmark", arguments).json()["result"]
  #expect(result?["rows"] == 50 && result?["tokens"]?.integerValue ?? 0 > 50)
  #expect(result?["ratio"]?.doubleValue ?? 0 > 0)
}

@Test func `a benchmark says what it cannot measure`() throws {
  let sandbox = try Sandbox()
  let result = try sandbox.run("benchmark", ["step", "--shape", "tiny", "--dtype", "i8"])
  #expect(result.code == 64 && result.errors.contains("--dtype must be F32, F16 or BF16, found i8"))
}

@Test func `steps at several ranks are timed, and drawn`() throws {
  let sandbox = try Sandbox()
  let step = ["--shape", "tiny", "--cutoff-len", "16", "--steps", "1", "--threads", "1"]
  let points = try sandbox.succeed("benchmark", ["sweep", "--values", "2,4", "--plot", "ranks.html", "--"] + step).json()
  #expect(points.arrayValue?.map { $0["method"] } == ["RandLoRA", "RandLoRA", "LoRA", "LoRA"])
  #expect(points.arrayValue?.map { $0["rank"] } == [2, 4, 2, 4])
  #expect(points.arrayValue?.allSatisfy { $0["result"]?["seconds_per_step"]?.doubleValue ?? 0 > 0 } == true)
  #expect(String(decoding: try sandbox.read("ranks.html"), as: UTF8.self).components(separatedBy: "<polyline").count == 1 + 3 * 2)
  let refused = try sandbox.run("benchmark", ["sweep", "--values", "2,four"])
  #expect(refused.code == 64 && refused.errors.contains("--values must be several numbers"))
}

@Test func `forming updates is timed for every kind of bases`() throws {
  let sandbox = try Sandbox()
  let result = try sandbox.succeed("benchmark", ["update", "--shape", "tiny", "--rank", "8", "--rounds", "1"]).json()
  for bases in ["dense", "sparse", "very_sparse"] {
    #expect(result["result"]?[bases]?["form_seconds"]?.doubleValue ?? 0 > 0, "\(bases)")
  }
}

@Test func `a tokenizer is timed on a text, and its tokens can be seen`() throws {
  let sandbox = try sandboxWithBase()
  try sandbox.write("one two\nthree", to: "text.txt")
  let arguments = ["tokenize", "--tokenizer", "model/tokenizer.json", "--text", "text.txt"]
  let result = try sandbox.succeed("benchmark", arguments + ["--repeats", "2", "--spans"]).json()["result"]
  #expect(result?["texts"] == 2 && result?["bytes"] == 12)
  #expect(result?["processor_seconds"]?.arrayValue?.count == 2)
  let texts = try sandbox.succeed("benchmark", arguments + ["--tokens"]).json().arrayValue
  #expect(texts?.map { $0["decoded"] } == ["one two", "three"])
  #expect(texts?.first?["ids"]?.arrayValue?.count == texts?.first?["offsets"]?.arrayValue?.count)
}

@Test(arguments: [[], ["--dtype", "bf16", "--prompts", "3"], ["--quantize", "nf4"]])
func `generating is timed`(options: [String]) throws {
  let arguments = ["generate", "--shape", "tiny", "--prompt-tokens", "4", "--max-new-tokens", "5", "--threads", "1"]
  let json = try Sandbox().succeed("benchmark", arguments + options).json()
  #expect(json["settings"]?["max_new_tokens"] == 5)
  for field in ["seconds_to_first_token", "tokens_per_second"] {
    #expect(json["result"]?[field]?.doubleValue ?? 0 > 0, "\(field)")
  }
}

@Test func `OpenBLAS is timed`() throws {
  let result = try Sandbox().succeed("benchmark", ["multiply", "--seconds", "0.01", "--threads", "1"]).json()["result"]
  #expect(result?["gigaflops"]?.doubleValue ?? 0 > 0 && result?["gigaflops_per_processor"]?.doubleValue ?? 0 > 0)
}

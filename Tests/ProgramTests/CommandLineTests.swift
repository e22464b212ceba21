import Foundation
import JSON
import TestSupport
import Testing

private let stages = [
  "import-base", "prepare-data", "init-adapter", "train-step", "evaluate", "generate", "merge",
  "convert-to-lora", "push-artifact",
]

@Test(arguments: stages)
func `every stage describes itself, its options and their defaults`(program: String) throws {
  let sandbox = try Sandbox()
  let outcome = try sandbox.succeed(program, ["--describe"])
  #expect(outcome.errors.isEmpty)
  let description = try outcome.json()
  #expect(description["name"] == .string(program))
  #expect((description["revision"]?.integerValue ?? 0) >= 1)
  #expect(description["inputs"]?.arrayValue?.allSatisfy { $0["role"]?.stringValue?.isEmpty == false } == true)
  for parameter in description["parameters"]?.arrayValue ?? [] {
    #expect(Set(parameter.objectValue?.keys ?? []) == ["name", "type", "default", "class"])
    #expect(
      ["integer", "number", "string", "boolean", "path", "model", "list"].contains(parameter["type"]?.stringValue))
    #expect(["result", "from-step", "never"].contains(parameter["class"]?.stringValue))
  }
}

@Test(arguments: stages)
func `every stage has help in sentences, and completion`(program: String) throws {
  let sandbox = try Sandbox()
  let help = try sandbox.succeed(program, ["--help"]).output
  #expect(help.hasPrefix("OVERVIEW: ") && help.contains("USAGE: \(program)"))
  for flag in ["--output", "--json", "--quiet", "--describe"] { #expect(help.contains(flag)) }
  #expect(try sandbox.succeed(program, ["--generate-completion-script", "bash"]).output.contains(program))
}

@Test(arguments: stages)
func `every stage refuses flags that it does not know`(program: String) throws {
  let sandbox = try Sandbox()
  try sandbox.fail(program, ["--no-such-flag"], code: 64, saying: "Unknown option '--no-such-flag'")
  // Some stages check what is missing themselves, since --plan and the like need less.
  try sandbox.fail(
    program, [], code: 64, saying: program == "generate" ? "--prompt is missing" : "Missing expected")
}

@Test func `manifests that were changed are refused by the field's name`() throws {
  let sandbox = try sandboxWithBase()
  func fail(_ field: String, _ find: String, _ replace: String, _ at: SourceLocation = #_sourceLocation)
    throws
  {
    let original = String(decoding: try sandbox.read("base/artifact.json"), as: UTF8.self)
    #expect(original.contains(find), "\(find)", sourceLocation: at)
    try sandbox.edit("base/artifact.json") {
      $0 = Data(original.replacingOccurrences(of: find, with: replace).utf8)
    }
    try sandbox.fail(
      "init-adapter", ["--base", "base", "-o", "adapter"], code: 65, saying: field, sourceLocation: at)
    try sandbox.edit("base/artifact.json") { $0 = Data(original.utf8) }
  }
  try fail("/kind", "\"kind\": \"base\"", "\"kind\": \"bass\"")
  try fail("/schema_version", "\"schema_version\": 1", "\"schema_version\": 2")
  try fail("/files/0/path", "\"path\": \"config.json\"", "\"path\": \"../config.json\"")
  try fail("config.json has", "\"bytes\": ", "\"bytes\": 1")
  try fail("/base/vocab_size", "\"vocab_size\": 259", "\"vocab_size\": \"259\"")
  try fail("'vocab_size' is missing", "\"vocab_size\": 259", "\"vocabulary\": 259")
  try fail("not valid JSON", "\"schema_version\": 1,", "\"schema_version\": 1")
}

@Test func `standard output carries nothing but the result, and progress can be JSON`() throws {
  let sandbox = try Sandbox()
  try TinyModel.write(in: sandbox)
  let outcome = try sandbox.run(
    "import-base", ["--base-model", "model", "-o", "base"], environment: ["RANDLORA_PROGRESS": "json"])
  #expect(outcome.code == 0 && outcome.output.isEmpty)
  let line = try #require(outcome.errors.split(separator: "\n").last { $0.hasPrefix("{") })
  let progress = try JSONDocument(String(line), source: "progress").root["progress"]
  #expect(progress?["unit"] == "byte" && progress?["done"] == progress?["total"])
}

@Test func `the runner says what is wrong with its flags as its stages do`() throws {
  let sandbox = try Sandbox()
  let outcome = try sandbox.run("randlora", ["run", "--jbos", "3", "p.yaml"])
  #expect(outcome.code == 64)
  #expect(outcome.errors == "error: Unknown option '--jbos'. Did you mean '--jobs'?\nhint: see 'randlora run --help'\n")
}

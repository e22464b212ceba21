import ArgumentParser
import Artifacts
import Failures
import JSON
import Testing

@testable import StageSupport

private enum Style: String, ExpressibleByArgument, ParameterValue, CaseIterable { case plain, alpaca }

private struct Extras: ParsableArguments {
  @Option(help: "Seed.") var seed = 0
}

private struct Sample: StageCommand {
  static let stage = StageDescription(
    name: "sample", revision: 3,
    inputs: [.required("base", .base), .optional("adapter", .adapter, .checkpoint)], output: .checkpoint,
    parameters: [
      .result("rank"), .result("base-model-id"), .result("dropout"), .result("target-modules", .list),
      .result("data-path", .path), .result("style"), .result("use-lora"), .result("add-eos"), .result("seed"),
      .never("device"), .never("threads"),
    ], abstract: "A sample.")

  @OptionGroup var options: StageOptions
  @Option(help: "Base.") var base: String
  @Option(help: "Adapter.") var adapter: String?
  @Option(name: [.long, .customLong("r")], help: "Rank.") var rank = 32
  @Option(help: "Id.") var baseModelID: String?
  @Option(help: "Dropout.") var dropout = 0.05
  @Option(help: "Targets.") var targetModules = "k_proj,v_proj"
  @Option(help: "Data.") var dataPath: [String] = []
  @Option(help: "Style.") var style = Style.plain
  @Flag(help: "LoRA.") var useLora = false
  @Flag(inversion: .prefixedNo, help: "EOS.") var addEOS = true
  @OptionGroup var extras: Extras
  @OptionGroup var computing: ComputeOptions

  mutating func execute(_ stage: Stage) throws {}
}

private struct Forgetful: StageCommand {
  static let stage = StageDescription(
    name: "forgetful", revision: 1, output: nil, parameters: [], abstract: "Forgets.")
  @OptionGroup var options: StageOptions
  @Option(help: "Seed.") var seed = 0
  mutating func execute(_ stage: Stage) throws {}
}

@Test func `a stage describes itself with the types and defaults of its own options`() throws {
  let description = try Sample.description()
  #expect(description["name"] == "sample")
  #expect(description["revision"] == 3)
  #expect(description["output"] == "checkpoint")
  #expect(
    description["inputs"] == [
      ["role": "base", "kinds": ["base"], "required": true],
      ["role": "adapter", "kinds": ["adapter", "checkpoint"], "required": false],
    ])
  let expected: [(String, String, JSON, String)] = [
    ("rank", "integer", 32, "result"), ("base-model-id", "string", nil, "result"),
    ("dropout", "number", 0.05, "result"), ("target-modules", "list", "k_proj,v_proj", "result"),
    ("data-path", "path", nil, "result"), ("style", "string", "plain", "result"),
    ("use-lora", "boolean", false, "result"), ("add-eos", "boolean", true, "result"),
    ("seed", "integer", 0, "result"), ("device", "string", "auto", "never"), ("threads", "integer", nil, "never"),
  ]
  let rows = expected.map { (name, type, value, influence) -> JSON in
    ["name": .string(name), "type": .string(type), "default": value, "class": .string(influence)]
  }
  #expect(description["parameters"] == .array(rows))
}

@Test func `an option without a row in the table of parameters is a bug that is named`() {
  let failure = #expect(throws: Failure.self) { try Forgetful.description() }
  #expect(failure?.kind == .internal)
  #expect(failure?.message == "forgetful: 'seed' must be an option and a row of the table of parameters")
}

@Test func `the values of all options are read after parsing`() throws {
  let arguments = CommandLineArguments.normalized(
    [
      "--base", "b", "--r=8", "--target_modules=q_proj", "--use_lora", "--no_add_eos", "--data_path", "a",
      "--data-path", "b_c",
    ])
  let command = try Sample.parse(arguments)
  let values = command.optionValues.reduce(into: JSONObject()) { $0[$1.name] = $1.value }
  #expect(
    JSON.object(values) == [
      "base": "b", "adapter": nil, "rank": 8, "base-model-id": nil, "dropout": 0.05,
      "target-modules": "q_proj",
      "data-path": ["a", "b_c"], "style": "plain", "use-lora": true, "add-eos": false, "seed": 0,
      "device": "auto", "threads": nil,
    ])
}

@Test func `long flags may be spelled with underscores`() {
  #expect(
    CommandLineArguments.normalized(["--base_model=a_b", "x_y", "-q_x", "--use_lora", "--", "--as_is"])
      == ["--base-model=a_b", "x_y", "-q_x", "--use-lora", "--", "--as_is"])
}

@Test func `a negative number belongs to the flag before it`() {
  #expect(
    CommandLineArguments.normalized(["--seed", "-1", "--alpha=2", "-3", "-q", "-4", "--x", "-1e-3", "--", "--y", "-5"])
      == ["--seed=-1", "--alpha=2", "-3", "-q", "-4", "--x=-1e-3", "--", "--y", "-5"])
}

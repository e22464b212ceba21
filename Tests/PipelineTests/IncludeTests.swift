import Failures
import Foundation
import Pipeline
import Testing

@Test func anIncludedFileBringsItsStagesAndItsOwnDirectory() async throws {
  let work = try Workspace()
  try FileManager.default.createDirectory(atPath: work("shared"), withIntermediateDirectories: true)
  try work.write("shared/rows.jsonl", "one\n")
  try work.write("shared/text", "")
  try work.write(
    "shared/data.yaml",
    """
    variables: {cutoff: 128, name: rows}
    defaults: {prepare-data: {cutoff-len: "${cutoff}"}}
    stages:
      data: {stage: prepare-data, base: base, with: {data-path: "${name}.jsonl"}}
    """)
  let yaml = """
    include: shared/data.yaml
    variables: {cutoff: 64}
    stages:
      base: {stage: import-base, with: {base-model: model}}
    """
  #expect(try await work.run(yaml).exitCode == 0)
  #expect(work.failures.isEmpty)
  #expect(
    try await work.plan(yaml, set: [("cutoff", "32")]) == ["data: cutoff-len changed: 64 → 32"])
  #expect(
    try await work.plan(yaml, set: [("data.cutoff-len", "16")]) == ["data: cutoff-len changed: 64 → 16"])
  #expect(try PipelineFile(yaml: yaml, path: work("p.yaml")).paths == [work("p.yaml"), work("shared/data.yaml")])
}

@Test func filesThatIncludeThemselvesAreRefused() throws {
  let work = try Workspace()
  try work.write("a.yaml", "include: [b.yaml]\nstages: {s: {stage: x}}")
  try work.write("b.yaml", "include:\n  - ./a.yaml")
  #expect(
    failure { _ = try PipelineFile(path: work("a.yaml")) }?.message
      == "\(work("b.yaml")):2:5: the file includes itself through './a.yaml'")
  try work.write("b.yaml", "stages: {s: {stage: y}}")
  #expect(
    failure { _ = try PipelineFile(path: work("a.yaml")) }?.message
      == "\(work("b.yaml")):1:10: the stage 's' is declared in \(work("a.yaml")) too")
  try work.write("a.yaml", "include: nowhere.yaml")
  #expect(
    failure { _ = try PipelineFile(path: work("a.yaml")) }?.message.contains(
      "a.yaml:1:10: cannot open \(work("nowhere.yaml"))") == true)
}

@Test func twoFilesMayIncludeTheSameThird() throws {
  let work = try Workspace()
  try work.write("base.yaml", "stages: {base: {stage: x}}")
  try work.write("one.yaml", "include: base.yaml\nstages: {one: {stage: y, base: base}}")
  try work.write("two.yaml", "include: [base.yaml, one.yaml]\nstages: {two: {stage: y, base: one}}")
  #expect(try PipelineFile(path: work("two.yaml")).stages.map(\.name) == ["base", "one", "two"])
}

@Test func defaultsStandBehindWhatAStageSays() async throws {
  let work = try Workspace()
  let yaml = Workspace.pipeline.replacingOccurrences(
    of: "stages:\n", with: "defaults: {train-step: {learning-rate: 9, schedule: linear}, evaluate: {split: train}}\nstages:\n")
  try await work.run()
  #expect(
    try await work.plan(yaml) == [
      "trained@10: max-steps changed: none → 10; schedule changed: \"constant\" → \"linear\"",
      "after: 'trained' will be made anew",
    ])
  let wrong = yaml.replacingOccurrences(of: "{train-step:", with: "{train-stp:")
  #expect(
    failure { _ = try PipelineFile(yaml: wrong, path: "p.yaml") }?.description
      == "p.yaml:2:12: no stage of this file runs 'train-stp'\nhint: did you mean 'train-step'?")
}

@Test func aStageWhoseConditionDoesNotHoldIsLeftOutWithItsReaders() throws {
  let yaml = """
    variables: {publish: no, method: lora}
    stages:
      a: {stage: x}
      b: {stage: y, a: a, when: {publish: {not: no}}}
      c: {stage: y, a: b}
      d: {stage: y, a: a, when: {method: [lora, randlora], publish: no}}
    """
  #expect(try PipelineFile(yaml: yaml, path: "p.yaml").stages.map(\.name) == ["a", "d"])
  let published = try PipelineFile(yaml: yaml, path: "p.yaml", settings: [("publish", "yes")])
  #expect(published.stages.map(\.name) == ["a", "b", "c"])
  #expect(
    failure { _ = try PipelineFile(yaml: yaml, path: "p.yaml").selection(["c"]) }?.message
      == "p.yaml: the stage 'c' is left out, because its 'when' does not hold")
  #expect(
    failure {
      _ = try PipelineFile(yaml: "variables: {rank: 1}\nstages: {a: {stage: x, when: {rnk: 1}}}", path: "p.yaml")
    }?.description == "p.yaml:2:31: unknown variable 'rnk'\nhint: did you mean 'rank'?")
}

@Test func settingsOfParametersAreChecked() async throws {
  let work = try Workspace()
  #expect(
    await failure { try await work.run(set: [("start.rnk", "3")]) }?.description
      == "--set start.rnk:1:1: init-adapter has no parameter 'rnk'\nhint: did you mean 'rank'?")
  #expect(
    failure { _ = try PipelineFile(yaml: Workspace.pipeline, path: "p.yaml", settings: [("strat.rank", "3")]) }?
      .description == "--set strat.rank: the pipeline has no stage 'strat'\nhint: did you mean 'start'?")
}

@Test func resourcesAreReadAndRefused() throws {
  func resources(_ text: String) throws -> StageResources {
    try PipelineFile(yaml: "stages:\n  a: {stage: x, \(text)}", path: "p.yaml").stages[0].resources
  }
  let some = try resources("threads: 3, memory: 1.5GiB, timeout: 2m, retries: 1")
  #expect((some.threads, some.memory, some.timeout, some.retries) == (3, 1_610_612_736, 120, 1))
  for (text, expected) in [
    ("threads: 0", "2:26: 'threads' must be an integer from 1 to 1024, found '0'"),
    ("retries: many", "2:26: 'retries' must be an integer from 0 to 100, found 'many'"),
    ("memory: lots", "2:25: 'lots' is no amount of memory\nhint: write 6GB or 512MiB"),
    ("timeout: 0s", "2:26: '0s' is no time\nhint: write 90s, 15m, 2h or 1d"),
    ("timeout: 0x1F", "2:26: '0x1F' is no time\nhint: write 90s, 15m, 2h or 1d"),
    ("timeuot: 5m", "2:17: unknown key 'timeuot'\nhint: did you mean 'timeout'?"),
    ("environment: {A-B: 1}", "2:31: 'A-B' is no name for an environment variable"),
  ] {
    #expect(failure { _ = try resources(text) }?.description == "p.yaml:" + expected)
  }
}

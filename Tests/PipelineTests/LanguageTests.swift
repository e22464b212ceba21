import Failures
import Foundation
import Pipeline
import Synchronization
import TestSupport
import Testing

private func message(_ yaml: String, set settings: [(name: String, value: String)] = []) -> String? {
  failure { _ = try PipelineFile(yaml: yaml, path: "p.yaml", settings: settings) }?.description
}

@Test func everyMistakeInAPipelineFileNamesItsPlace() {
  #expect(message("") == "p.yaml: the pipeline file is empty")
  #expect(message("stages: [a") == "p.yaml:2:1: not valid YAML: did not find expected ',' or ']'")
  #expect(message("- a") == "p.yaml:1:1: expected a mapping (key: value), found a list")
  #expect(message("stage: {}") == "p.yaml:1:1: unknown key 'stage'\nhint: did you mean 'stages'?")
  #expect(message("variables: {}") == "p.yaml:1:1: the key 'stages' is missing")
  #expect(message("stages: {}") == "p.yaml:1:9: the pipeline has no stages")
  #expect(
    message("stages:\n  a:\n    with: {}")
      == "p.yaml:2:3: the stage 'a' does not say what it runs (key 'stage' or 'command')")
  #expect(
    message("stages:\n  a: {stage: x, wiht: {k: 1}}")
      == "p.yaml:2:17: unknown key 'wiht'; an input names a stage, or several in a list\nhint: did you mean 'with'?")
  #expect(
    message("stages:\n  a: {command: x, outptus: o}")
      == "p.yaml:2:19: unknown key 'outptus'\nhint: did you mean 'outputs'?")
  #expect(
    message("stages:\n  base: {stage: x}\n  b: {stage: y, base: bsae}")
      == "p.yaml:3:23: there is no stage 'bsae'\nhint: did you mean 'base'?")
  #expect(
    message("stages:\n  a: {stage: x, in: b}\n  b: {stage: y, in: a}")
      == "p.yaml:2:3: the stage 'a' needs itself: a ← b ← a")
  #expect(
    message("stages:\n  a: {stage: x, with: {k: \"${rate}\"}}\nvariables: {rat: 1}")
      == "p.yaml:2:27: unknown variable 'rate'\nhint: did you mean 'rat'?")
  #expect(
    message("variables: {a: \"${b}\", b: 1}\nstages:\n  s: {stage: x}")
      == "p.yaml:1:16: the variable 'b' has no value yet\nhint: a variable may use those that are declared above it")
  #expect(
    message("variables: {a: \"${a}\"}\nstages:\n  s: {stage: x}")?.contains("'a' has no value yet") == true)
  #expect(
    message("x: &x {k: 1}\nstages:\n  s: {<<: *x, stage: x}")
      == "p.yaml:3:7: '<<' merges nothing here\nhint: give what several stages share under 'defaults' or 'variables'")
  #expect(
    message("stages:\n  a: {stage: x, with: {k: ${rate}}}")?.contains(
      "hint: inside { } a variable must stand in quotes: \"${name}\"") == true)
  #expect(
    message("stages:\n  a: {stage: x, with: {k_b: 1, k-b: 2}}")
      == "p.yaml:2:32: the parameter 'k-b' appears twice")
  #expect(message("stages:\n  a: {stage: x}\n  a: {stage: y}")?.contains("the key 'a' appears twice") == true)
  #expect(
    message("stages:\n  a b: {stage: x}")
      == "p.yaml:2:3: 'a b' is no name for a stage: letters, digits, '_' and '-' only")
  #expect(message("stages: {a: {stage: x}}", set: [("a.to", "dir:"), ("a.k", "it's: so")]) == nil)
  #expect(
    message("stages: {a: {stage: x}}", set: [("k", "1")])
      == "--set k: the pipeline has no variable of this name")
}

@Test func noTwoStagesGoToOnePlace() {
  let hint = "\nhint: give each its own place; in a matrix, by a part such as ${matrix.AXIS}"
  #expect(
    message("stages:\n  a: {stage: x, export: out/../out/m}\n  b: {stage: x, export: ./out/m/}")
      == "p.yaml:3:25: 'b' would go to the same place as 'a'" + hint)
  #expect(
    message("stages:\n  a: {stage: x, with: {to: \"dir:out\"}}\n  b: {stage: x, with: {to: \"file:out/b.tar.zst\"}}")
      == "p.yaml:3:28: 'b' would go inside of 'out', where 'a' goes" + hint)
  #expect(
    message("stages:\n  a: {stage: x, matrix: {m: [1, 2]}, export: out}")
      == "p.yaml:2:46: 'a[m=2]' would go to the same place as 'a[m=1]'" + hint)
  #expect(
    message(
      """
      stages:
        a: {stage: x, matrix: {m: [1, 2]}, export: "out/${matrix.m}"}
        b: {stage: x, export: outer, with: {to: "hf://out/1"}}
      """) == nil)
}

@Test func aProgramIsAskedOnceWhatItThinksOfItsOptions() async throws {
  let work = try Workspace()
  let wrong = await failure { try await work.run(set: [("rank", "0")]) }
  #expect(
    wrong?.description
      == "\(work("pipeline.yaml")):5:57: init-adapter: --rank must be at least 1\nhint: try 8")
  #expect(work.programs.calls == [])
  #expect(!FileManager.default.fileExists(atPath: work("store")), "no store is made")
  try await work.run(targets: ["start"])
  try await work.run(targets: ["start"])
  let asked = work.programs.state.withLock { $0.questions.filter { $0.hasPrefix("init-adapter --check") } }
  #expect(asked == ["init-adapter --check --rank=0", "init-adapter --check --rank=8"])
}

@Test func whatDoesNotFitTheProgramsIsFoundBeforeAnythingRuns() async throws {
  let work = try Workspace()
  let cases = [
    ("with: {rank", "with: {rnk", "5:51: init-adapter has no parameter 'rnk'\nhint: did you mean 'rank'?"),
    ("\"${rank}\"", "eight", "5:57: 'rank' must be an integer, found 'eight'"),
    ("\"${rank}\"", "[1, 2]", "5:57: 'rank' takes one value, found a list"),
    ("data.jsonl", "data.jsonl, verbose: yes", "4:82: 'verbose' must be true or false, found 'yes'"),
    ("init-adapter", "init-adaptor", "5:18: there is no program 'init-adaptor'"),
    ("dataset: data\n    ", "", "6:3: train-step needs an input 'dataset'"),
    (
      "dataset: data\n", "datset: data\n",
      "9:13: train-step has no input 'datset'\nhint: did you mean 'dataset'?"
    ),
    (
      "checkpoint: start", "checkpoint: base",
      "10:17: the input 'checkpoint' of train-step must be a checkpoint, but 'base' makes a base"
    ),
    ("save-step: 4", "save-step: 0", "11:64: 'save-step' must be at least 1, found 0"),
    (
      "save-step: 4", "steps: 4",
      "11:53: 'steps' is decided by the runner\n"
        + "hint: give max-steps or num-epochs, and save-step for its pieces"
    ),
    (
      "save-step: 4", "eval-step: 4",
      "6:3: 'eval-step' is given, but nothing to evaluate\nhint: add 'evaluate: true' beside 'with'"
    ),
    (
      "rank: \"${rank}\"", "base: base",
      "5:51: 'base' is an input of init-adapter\nhint: write it beside 'with', naming a stage"
    ),
  ]
  for (from, to, expected) in cases {
    let yaml = Workspace.pipeline.replacingOccurrences(of: from, with: to)
    let found = await failure { try await work.run(yaml) }?.description
    #expect(found?.replacingOccurrences(of: work("pipeline.yaml") + ":", with: "") == expected)
  }
  #expect(work.programs.calls == [])
}

@Test func aMissingInputFileIsNamed() async throws {
  let work = try Workspace()
  try FileManager.default.removeItem(atPath: work("data.jsonl"))
  let summary = try await work.run()
  #expect(summary.exitCode == 66)
  #expect(work.failures.map(\.label) == ["data"])
  #expect(work.failures.first?.failure.message == "there is no file or directory at \(work("data.jsonl"))")
}

@Test func aMatrixRepeatsAStageAndAllThatReadIt() throws {
  let file = try PipelineFile(
    yaml: """
      stages:
        base: {stage: import-base}
        start:
          matrix: {method: [randlora, lora], rank: [4, 8], exclude: [{method: lora, rank: 8}]}
          stage: init-adapter
          base: base
          with: {rank: "${matrix.rank}"}
        trained: {stage: train-step, base: base, checkpoint: start, matrix: {seed: [1, 2]}}
        after: {stage: evaluate, base: base, checkpoint: trained}
      """, path: "p.yaml")
  #expect(
    file.stages.map(\.name).filter { $0.hasPrefix("start") } == [
      "start[method=randlora,rank=4]", "start[method=randlora,rank=8]", "start[method=lora,rank=4]",
    ])
  #expect(file.stages.filter { $0.family == "trained" }.count == 6)
  let last = try #require(file.stages.last)
  #expect(last.name == "after[seed=2,method=lora,rank=4]")
  #expect(last.predecessors == ["base", "trained[seed=2,method=lora,rank=4]"])
  #expect(try file.selection(["start"]).map(\.family) == ["base", "start", "start", "start"])
  #expect(
    failure { _ = try file.selection(["strat"]) }?.message == "p.yaml: there is no stage 'strat'")
}

@Test func theGraphIsDrawnInThreeWays() throws {
  let graph = PipelineGraph(
    try PipelineFile(
      yaml: "stages:\n  b: {stage: y, base: a}\n  a: {stage: x}\n  c: {stage: z, state: b, base: a}",
      path: "p.yaml"
    ).stages)
  #expect(graph.text == "a (x)\nb (y) ← base: a\nc (z) ← state: b, base: a")
  #expect(graph.dot.contains("  \"a\" -> \"c\" [label=\"base\"];"))
  #expect(graph.mermaid.hasPrefix("flowchart LR\n  s0[\"a<br>x\"]"))
  #expect(graph.mermaid.hasSuffix("  s0 -->|\"base\"| s2"))
}

@Test func namesInAGraphAreNoSyntax() throws {
  let yaml = #"stages: {a: {stage: x, matrix: {v: ['q"q', 'b\s', '<b>|#35;']}}}"#
  let graph = PipelineGraph(try PipelineFile(yaml: yaml, path: "p.yaml").stages)
  #expect(graph.dot.contains(#"  "a[v=q\"q]" [label="a[v=q\"q]\nx"];"#))
  #expect(graph.dot.contains(#"  "a[v=b\\s]" [label="a[v=b\\s]\nx"];"#))
  #expect(graph.mermaid.contains(#"s0["a[v=q#quot;q]<br>x"]"#))
  #expect(graph.mermaid.contains(##"s2["a[v=#lt;b#gt;|#35;35;]<br>x"]"##))
}

@Test func noMutationOfAPipelineFileCrashes() {
  var generator = SeededGenerator(state: 11)
  let original = Array(Workspace.pipeline.utf8)
  for _ in 0..<1500 {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let index = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: bytes[index] = UInt8.random(in: 0..<128, using: &generator)
      case 1: bytes.remove(at: index)
      default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
      }
    }
    do {
      _ = try PipelineFile(yaml: String(decoding: bytes, as: UTF8.self), path: "p.yaml")
    } catch {
      #expect(!error.message.isEmpty)
    }
  }
}

@Test func hostileNestingAndRepetitionAreRefused() {
  let deep = "stages: " + String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
  #expect(message(deep)?.contains("nests too deep") == true)
  var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
  for level in 1...8 {
    let copies = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
    bomb += "a\(level): &a\(level) [\(copies)]\n"
  }
  #expect(message(bomb)?.contains("repeats too many values") == true)
}

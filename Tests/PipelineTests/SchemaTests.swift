import Failures
import Foundation
import JSON
import Pipeline
import TestSupport
import Testing
import Yams

private let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

private func pipelineSchema() throws -> JSONSchema {
  let bytes = try Data(contentsOf: package.appendingPathComponent("schemas/pipeline.schema.json"))
  return try JSONSchema(JSONDocument(Array(bytes), source: "pipeline.schema.json"))
}

/// A YAML value as an editor's validator sees it.
private func json(_ node: Node) throws -> JSON {
  switch node {
  case .scalar:
    if let value = node.bool { return .bool(value) }
    if let value = node.int { return .integer(value) }
    if let value = node.float { return .number(value) }
    return node.null == nil ? .string(node.string ?? "") : .null
  case .sequence(let elements): return .array(try elements.map(json))
  case .mapping(let members):
    var object = JSONObject()
    for (key, value) in members { object[key.string ?? ""] = try json(value) }
    return .object(object)
  case .alias: return .null
  }
}

@Test func everyPipelineOfThePackageIsReadAndFitsTheSchema() throws {
  let directory = package.appendingPathComponent("pipelines").path
  let files = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".yaml") }
  let schema = try pipelineSchema()
  for file in files {
    let yaml = try String(contentsOfFile: directory + "/" + file, encoding: .utf8)
    #expect(try PipelineFile(yaml: yaml, path: file).stages.isEmpty == false)
    #expect(schema.validate(try json(#require(try compose(yaml: yaml)))) == [], "\(file)")
  }
  for yaml in [Workspace.pipeline, everyKey] {
    #expect(try PipelineFile(yaml: yaml, path: "p.yaml").stages.isEmpty == false)
    #expect(schema.validate(try json(#require(try compose(yaml: yaml)))) == [])
  }
}

private let everyKey = """
  description: one of everything
  variables: {method: lora, publish: no}
  defaults: {train-step: {learning-rate: 1e-3}}
  stages:
    base: {stage: import-base, description: the model, with: {base-model: model}}
    clean:
      command: sed -n 1,9p "$raw_rows/rows" > "$output/rows"
      raw-rows: fetch
      inputs: [clean.sed]
      outputs: [rows]
      environment: {LANG: C, EDITOR: }
      timeout: 15m
      retries: 2
    fetch: {command: "date > $output/rows", inputs: script, outputs: rows}
    start:
      stage: init-adapter
      base: base
      matrix:
        method: {randlora: {alpha: 40}, lora: {alpha: 10}, none: }
        rank: [4, 8]
        exclude: [{method: lora, rank: 8}, {method: none}]
        include: [{method: none, rank: 4}]
      when: {method: lora, matrix.rank: [4, 8], publish: {not: [yes, maybe]}}
      with: {rank: "${matrix.rank}"}
    data: {stage: prepare-data, base: base, with: {data-path: {from: clean, path: rows}}}
    trained: {stage: train-step, base: base, dataset: data, checkpoint: start, threads: 2, memory: 6GB, evaluate: true}
  """

@Test func theSchemaRefusesWhatTheRunnerRefuses() throws {
  let schema = try pipelineSchema()
  for yaml in [
    "stage: {}", "stages: {}", "stages: {a: {with: {}}}", "stages: {a: {stage: x, wiht: {k: 1}}}",
    "stages: {a: {stage: x}}\nextra: 1", "stages: {a: {command: x}}", "stages: {a: {stage: x, command: y, outputs: z}}",
    "stages: {a: {stage: x, when: {b: {nto: c}}}}", "stages: {a: {stage: x, with: {k: {form: b}}}}",
  ] {
    #expect(failure { _ = try PipelineFile(yaml: yaml, path: "p.yaml") } != nil)
    #expect(!schema.validate(try json(#require(try compose(yaml: yaml)))).isEmpty, "\(yaml)")
  }
}

@Test func noMutationOfADescriptionCrashes() throws {
  let fields = try #require(FakePrograms.descriptions["train-step"])
  let original = Array("{\"name\":\"x\",\"revision\":1,\(fields)}".utf8)
  _ = try StageInterface(JSONDocument(original, source: "x"))
  var generator = SeededGenerator(state: 5)
  for _ in 0..<2000 {
    var bytes = original
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let index = Int.random(in: 0..<bytes.count, using: &generator)
      if Bool.random(using: &generator) {
        bytes[index] = UInt8.random(in: 32..<127, using: &generator)
      } else {
        bytes.remove(at: index)
      }
    }
    do {
      _ = try StageInterface(JSONDocument(bytes, source: "x"))
    } catch {
      #expect(!error.message.isEmpty)
    }
  }
}

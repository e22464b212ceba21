import Foundation
import JSON
import TestSupport
import Testing

/// A manifest that was edited is refused by the name of the field, in every kind of artifact.
@Suite struct ManifestMutationTests {
  /// The manifest's kind, and the directory of such an artifact.
  private static let artifacts = [
    "base": "base", "dataset": "dataset", "checkpoint": "checkpoint", "adapter": "adapter", "evaluation": "evaluation",
    "model": "merged", "receipt": "receipt",
  ]

  private static let training = [
    "--base", "base", "--dataset", "dataset", "--max-steps", "5", "--batch-size", "2",
    "--gradient-accumulation-steps", "1", "--checkpoint",
  ]

  /// A sandbox with one artifact of every kind.
  private func sandboxWithEveryKind() throws -> Sandbox {
    let sandbox = try sandboxWithBase(id: "org/tiny@v1")
    let rows = (1...9).map { #"{"instruction":"Add.","input":"\#($0)","output":"\#($0 + 1)"}"# }
    try sandbox.write(rows.joined(separator: "\n"), to: "data.jsonl")
    let base = ["--base", "base"]
    try sandbox.succeed("prepare-data", base + ["--data-path", "data.jsonl", "--val-set-size", "2", "-o", "dataset"])
    try sandbox.succeed("init-adapter", base + ["--rank", "2", "-o", "start"])
    try sandbox.succeed("train-step", Self.training + ["start", "--steps", "3", "-o", "checkpoint"])
    try sandbox.succeed(
      "evaluate", base + ["--dataset", "dataset", "--exact-match", "--max-new-tokens", "2", "-o", "evaluation"])
    try sandbox.succeed("merge", base + ["--checkpoint", "checkpoint", "-o", "merged"])
    try sandbox.succeed("push-artifact", base + ["--artifact", "checkpoint", "--to", "dir:adapter", "-o", "receipt"])
    return sandbox
  }

  /// Changes one field of a manifest after another and hands each to `body`.
  private func mutate(
    _ directory: String, in sandbox: Sandbox, _ change: (JSON) -> JSON?,
    _ body: (_ field: [JSONPathStep]) throws -> Void
  ) throws {
    let file = directory + "/artifact.json"
    let manifest = try sandbox.json(file)
    for field in manifest.fields() {
      var replacement: JSON?
      let changed = manifest.changed(at: field) { value in
        replacement = change(value)
        return replacement ?? value
      }
      guard replacement != nil else { continue }
      try sandbox.edit(file) { $0 = Data(changed.text().utf8) }
      try body(field)
    }
    try sandbox.edit(file) { $0 = Data((manifest.text() + "\n").utf8) }
  }

  /// Objects whose fields are up to the stage that wrote them: what reads them says what is wrong.
  private static let free = ["/dataset/recipe/", "/checkpoint/adapter/", "/checkpoint/recipe/"]

  @Test(arguments: artifacts.keys.sorted()) func `a value of another type`(kind: String) throws {
    let sandbox = try sandboxWithEveryKind()
    let directory = try #require(Self.artifacts[kind])
    try mutate(directory, in: sandbox, { $0.arrayValue == nil ? [] : "text" }) { field in
      guard !Self.free.contains(where: field.pointer.hasPrefix) else { return }
      try sandbox.fail("randlora", ["show", directory], code: 65, saying: " \(field.pointer): ")
    }
    try sandbox.succeed("randlora", ["show", directory])
  }

  /// Fields that nothing else on the disk repeats. In a base and a dataset the checkpoint trained on them still
  /// notices, by their digest; what a checkpoint says of its last loss and of the seed that it began with is a record.
  private static let records = [
    "/base/base_model_id", "/base/base_model_revision", "/dataset/recipe/", "/dataset/special_tokens/",
    "/dataset/sources/", "/dataset/train/truncated_rows", "/dataset/train/dropped", "/dataset/train/length_histogram/",
    "/dataset/validation/", "/dataset/test/",
    "/checkpoint/loss", "/checkpoint/seed",
  ]

  @Test(arguments: ["base", "dataset", "checkpoint"]) func `another value that could be right`(kind: String) throws {
    let sandbox = try sandboxWithEveryKind()
    try mutate(kind, in: sandbox, Self.another) { field in
      let isRecord = Self.records.contains(where: field.pointer.hasPrefix)
      if kind == "checkpoint", isRecord { return }
      let outcome = try sandbox.run("train-step", Self.training + ["checkpoint", "-o", "out"])
      #expect(outcome.code == 65, "\(field.pointer): \(outcome.errors)")
      guard case .key(let name)? = field.last else { return }
      let says = isRecord ? ["/checkpoint/\(kind): "] : [name, "artifact.json says", "artifact.json lists", "is missing"]
      #expect(
        says.prefix(field.first == .key("files") ? 4 : 1).contains(where: outcome.errors.contains),
        "\(field.pointer): \(outcome.errors)")
      #expect(!sandbox.names.contains("out"))
    }
    try sandbox.succeed("train-step", Self.training + ["checkpoint", "-o", "out"])
  }

  /// A value of the same type that fits the schema.
  private static func another(_ value: JSON) -> JSON? {
    switch value {
    case .null: 1
    case .bool(let value): .bool(!value)
    case .integer(let value): .integer(value + 1)
    case .number(let value): .number(value / 2)
    case .string(let text) where text.utf8.count == 64: .string(String(text.reversed()))
    case .string(let text): .string(text + "x")
    case .array, .object: nil
    }
  }
}

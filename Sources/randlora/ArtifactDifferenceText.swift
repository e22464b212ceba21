import JSON
import Pipeline
import StageSupport

extension ArtifactDifference {
  /// What differs, in words: causes first.
  var lines: [String] {
    causes.map { cause in (cause.input.isEmpty ? "" : "\(cause.input): ") + cause.reason.text }
      + values.map { "\($0.path): \(Self.text($0.from)) → \(Self.text($0.to))" } + files.map(Self.text)
  }

  var json: JSON {
    let values = self.values.map { value -> JSON in
      ["path": .string(value.path), "from": value.from ?? .null, "to": value.to ?? .null]
    }
    let causes = self.causes.map { cause -> JSON in
      ["input": .string(cause.input), "reason": .string(cause.reason.text)]
    }
    return [
      "causes": .array(causes), "values": .array(values), "files": .array(files.map { .string(Self.text($0)) }),
    ]
  }

  private static func text(_ value: JSON?) -> String { value?.text(indent: 0) ?? "none" }

  private static func text(_ file: File) -> String {
    switch file {
    case .only(let path, let inFirst): "\(path): only in the \(inFirst ? "first" : "second")"
    case .changed(let path, let from, let to):
      "\(path): other content"
        + (from == to ? "" : ", \(NumberText.count(from)) → \(NumberText.count(to)) bytes")
    }
  }
}

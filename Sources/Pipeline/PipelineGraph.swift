package import JSON

/// Which stage reads which, for people and for programs that draw.
package struct PipelineGraph {
  private let stages: [StageDeclaration]

  package init(_ stages: [StageDeclaration]) { self.stages = stages }

  /// One line a stage, inputs first: `trained (train-step) ← base, dataset: data, checkpoint: start`.
  package var text: String {
    stages.map { stage in
      let inputs = stage.inputs.map { input in
        let source = Self.name(of: input.source)
        return input.role == source ? source : "\(input.role): \(source)"
      } + stage.files.map { "\($0.parameter): \($0.stage)" }
      return "\(stage.name) (\(stage.program))"
        + (inputs.isEmpty ? "" : " ← \(inputs.joined(separator: ", "))")
    }.joined(separator: "\n")
  }

  /// Graphviz.
  package var dot: String {
    var lines = ["digraph pipeline {", "  rankdir=LR;", "  node [shape=box];"]
    for stage in stages {
      lines.append("  \(Self.quoted(stage.name)) [label=\(Self.quoted(stage.name, stage.program))];")
    }
    for (from, to, role) in edges {
      lines.append("  \(Self.quoted(from)) -> \(Self.quoted(to)) [label=\(Self.quoted(role))];")
    }
    return (lines + ["}"]).joined(separator: "\n")
  }

  package var mermaid: String {
    var lines = ["flowchart LR"]
    var numbers: [String: Int] = [:]
    for name in stages.map(\.name) + edges.map(\.from) where numbers[name] == nil {
      numbers[name] = numbers.count
    }
    for (name, number) in numbers.sorted(by: { $0.value < $1.value }) {
      let program = stages.first { $0.name == name }.map { "<br>\($0.program)" } ?? ""
      lines.append("  s\(number)[\"\(Self.escaped(name))\(program)\"]")
    }
    for (from, to, role) in edges {
      lines.append("  s\(numbers[from] ?? 0) -->|\"\(Self.escaped(role))\"| s\(numbers[to] ?? 0)")
    }
    return lines.joined(separator: "\n")
  }

  /// `{"stages": [{"name", "program", "inputs": {ROLE: SOURCE}}, …]}`
  package var json: JSON {
    let list = stages.map { stage -> JSON in
      var inputs = JSONObject()
      for input in stage.inputs { inputs[input.role] = .string(Self.name(of: input.source)) }
      return ["name": .string(stage.name), "program": .string(stage.program), "inputs": .object(inputs)]
    }
    return ["stages": .array(list)]
  }

  private var edges: [(from: String, to: String, role: String)] {
    stages.flatMap { stage in
      stage.inputs.map { (Self.name(of: $0.source), stage.name, $0.role) }
        + stage.files.map { ($0.stage, stage.name, $0.parameter) }
    }
  }

  private static func name(of source: StageDeclaration.Source) -> String {
    switch source {
    case .stage(let name): name
    case .directory(let path): path
    }
  }

  /// Lines as a string of Graphviz.
  private static func quoted(_ lines: String...) -> String {
    let escaped = lines.map { line in line.map { "\"\\".contains($0) ? "\\\($0)" : String($0) }.joined() }
    return "\"\(escaped.joined(separator: "\\n"))\""
  }

  /// With Mermaid's entities for what would be quotes, entities or HTML.
  private static func escaped(_ text: String) -> String {
    let entities: [Character: String] = ["\"": "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;"]
    return text.map { entities[$0] ?? String($0) }.joined()
  }
}

import ChatTemplates
import FoundationEssentials
import JSON
import Testing

/// Templates with what transformers renders, as Fixtures/make_templates.py writes them.
struct TemplateGoldens {
  /// One conversation through one template.
  struct Run: CustomTestStringConvertible {
    let name: String
    let template: String
    let messages: [JSON]
    let tools: JSON?
    let context: ChatTemplate.Context
    /// Nil where transformers fails.
    let rendered: String?
    let generations: [Range<Int>]
    let testDescription: String
  }

  let runs: [Run]

  static var fixture: TemplateGoldens {
    get throws {
      let directory = #filePath.split(separator: "/").dropLast().joined(separator: "/")
      return try TemplateGoldens("/\(directory)/Fixtures/templates.json")
    }
  }

  /// The file that RANDLORA_TEMPLATES names: real templates, which are not kept here.
  static var outside: TemplateGoldens? {
    get throws {
      try ProcessInfo.processInfo.environment["RANDLORA_TEMPLATES"].map { try TemplateGoldens($0) }
    }
  }

  init(_ path: String) throws {
    let file = try JSONDocument(Array(try Data(contentsOf: URL(filePath: path))), source: path).cursor
    var context = ChatTemplate.Context()
    context.date = try CivilTime(rawValue: file.field("date").string())
    for (name, token) in try file.field("special_tokens").members() {
      context.specialTokens[name] = try token.string()
    }
    runs = try file.field("cases").elements().flatMap { entry in
      try entry.field("runs").elements().map { try Self.run($0, entry, file, context) }
    }
  }

  private static func run(
    _ run: JSONCursor, _ entry: JSONCursor, _ file: JSONCursor, _ context: ChatTemplate.Context
  ) throws -> Run {
    var context = context
    context.addsGenerationPrompt = try run.field("add_generation_prompt").bool()
    let (name, talk) = (try entry.field("name").string(), try run.field("conversation").string())
    let hasTools = try run.field("tools").bool()
    return Run(
      name: name, template: try entry.field("template").string(),
      messages: try file.field("conversations").field(talk).elements().map(\.value),
      tools: hasTools ? try file.field("tools").value : nil, context: context,
      rendered: try run.optional("rendered")?.string(),
      generations: try run.optional("generations")?.elements().map { span in
        let bounds = try span.elements().map { try $0.integer() }
        return bounds[0]..<bounds[1]
      } ?? [],
      testDescription:
        "\(name), \(talk)\(hasTools ? " with tools" : "")\(context.addsGenerationPrompt ? ", prompt" : "")")
  }
}

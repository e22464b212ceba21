import ArgumentParser
import JSON
import Pipeline
import StageSupport

struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Print which stage reads which.")

  enum Format: String, CaseIterable, ExpressibleByArgument { case text, dot, mermaid, json }

  @OptionGroup var options: PipelineOptions
  @Argument(help: "Stages to show, each with what it is made from; all when none is given.")
  var stages: [String] = []
  @Option(help: "How: text, dot (Graphviz), mermaid or json.")
  var format: Format = .text

  func run() throws {
    let graph = PipelineGraph(try options.pipeline().selection(stages))
    switch format {
    case .text: Console.printResult(graph.text)
    case .dot: Console.printResult(graph.dot)
    case .mermaid: Console.printResult(graph.mermaid)
    case .json: Console.printResult(graph.json.text())
    }
  }
}

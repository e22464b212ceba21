import ArgumentParser
import Checkpoint
import Failures
import FoundationEssentials
import JSON
import Pipeline
import StageSupport

/// Times training steps while one setting changes, and draws what they cost.
struct SweepBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep", abstract: "Time training steps at several ranks or row lengths, RandLoRA beside LoRA.",
    discussion: """
      Every measurement is a 'benchmark step' in a process of its own. What is to be the same in all of them stands after \
      '--': benchmark sweep --over rank --values 4,32,128 --plot ranks.html -- --target-modules all-linear
      """)

  enum Setting: String, ExpressibleByArgument, CaseIterable {
    case rank
    case rowLength = "cutoff-len"

    var name: String { self == .rank ? "rank" : "tokens a row" }
  }

  @Option(help: "What changes: rank or cutoff-len.") var over = Setting.rank
  @Option(help: "Its values, with commas between them.") var values = "4,8,16,32,64,128"
  @Option(help: "Write a page with the curves here.") var plot: String?
  @Argument(parsing: .postTerminator, help: "Options of 'benchmark step'.") var step: [String] = []

  private static let methods = [(name: "RandLoRA", flags: [String]()), (name: "LoRA", flags: ["--use-lora"])]

  private struct Measurement {
    let method: String
    let value: Int
    let result: JSON

    func number(_ field: String) -> Double { result[field]?.doubleValue ?? 0 }
  }

  func run() throws {
    let words = values.split(separator: ","), values = words.compactMap { Int($0) }.filter { $0 > 0 }
    guard values.count > 1, values.count == words.count else {
      throw Failure(.usage, "--values must be several numbers with commas between them, found '\(self.values)'")
    }
    var table = TextTable(
      .text("method"), .number(over.name), .number("tokens a second"), .number("seconds a step"),
      .number("private memory"), .number("share of sgemm"))
    var measurements: [Measurement] = []
    for method in Self.methods {
      for value in values {
        let measured = Measurement(method: method.name, value: value, result: try measure(method.flags, value))
        measurements.append(measured)
        table.add(
          method.name, "\(value)", NumberText.short(measured.number("tokens_per_second")),
          NumberText.short(measured.number("seconds_per_step")),
          NumberText.bytes(Int(measured.number("peak_private_bytes"))),
          "\(NumberText.fixed(100 * measured.number("share_of_sgemm"), decimals: 1)) %")
      }
    }
    Console.standard(quiet: false).table(table)
    if let plot { try OutputFile.write(page(measurements), to: plot) }
    Console.printResult(
      JSON.array(
        measurements.map { .object(["method": .string($0.method), over.rawValue: .integer($0.value), "result": $0.result]) }
      ).text())
  }

  private func measure(_ flags: [String], _ value: Int) throws -> JSON {
    let arguments = ["step", "--" + over.rawValue, "\(value)"] + flags + step
    return try MeasuredCommand.benchmark(arguments, in: FileManager.default.temporaryDirectory.path).value
  }

  private func page(_ measurements: [Measurement]) -> String {
    func chart(_ title: String, _ field: String, per factor: Double = 1) -> String {
      let lines = Self.methods.map { method in
        LineChart.Line(
          method.name,
          measurements.filter { $0.method == method.name }.map { (Double($0.value), $0.number(field) / factor) })
      }
      return "<h2>\(title)</h2>" + LineChart(lines: lines, x: over.name, y: "").svg
    }
    let title = "A training step by \(over.name)"
    return HTML.page(
      title: title,
      body: "<h1>\(title)</h1><p>benchmark step \(HTML.text(step.joined(separator: " ")))</p>"
        + chart("Seconds a step", "seconds_per_step") + chart("Tokens a second", "tokens_per_second")
        + chart("Private memory, MB", "peak_private_bytes", per: 1e6))
  }
}

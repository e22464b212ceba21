import ArgumentParser
import Failures
import FoundationEssentials
import Glibc
import JSON
import StageSupport

/// Measures the runner on trivial stages, beside other build tools on the same ones.
struct RunnerBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runner", abstract: "Time the runner on a thousand trivial stages, beside ninja, make and DVC.",
    discussion: """
      A chain with leaves at every link. For each tool that is there: everything made, nothing to do, a source touched, \
      and a source changed in a way that its stage's output does not show. What the stages themselves cost is measured \
      by running their commands one after another, and left out of the cost of a stage.
      """)

  @Option(help: "Links of the chain.") var chain = 100
  @Option(help: "Leaves at every link.") var leaves = 9
  @Option(help: "Runs with nothing to do; the one in the middle counts.") var repeats = 11
  @Option(help: "Stages for DVC, whose cost grows with the square of their number; 0 for none.") var dvcStages = 100
  @Option(help: "The dvc program.") var dvc = "dvc"

  func run() throws {
    let directory = FileManager.default.temporaryDirectory.path + "/randlora-benchmark-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let work = RunnerWorkload(directory: directory, chain: chain, leaves: leaves)
    try work.write()
    let bare = try MeasuredCommand("sh bare.sh", in: directory)
    var results: JSONObject = [
      "stages": .integer(work.count), "commands_alone": .object(bare.json),
      "smallest_peak_bytes": .integer(PeakMemory.resident),  // a peak below this program's own cannot be told
    ]
    var table = TextTable(
      .text("tool"), .number("all made, CPU s"), .number("a stage, CPU ms"), .number("nothing to do, CPU ms"),
      .number("peak MiB"), .number("touched runs"), .number("same output runs"))
    for tool in try tools(directory) {
      let result = try measure(tool, work, bare, repeats: repeats)
      results[tool.name] = .object(result.json)
      table.add(result.row)
    }
    if let result = try measureDVC() {
      results["dvc"] = .object(result.json)
      table.add(result.row)
    }
    Console.standard(quiet: false).table(table)
    Console.printResult(JSON.object(results).text())
  }

  private struct Tool {
    let name: String
    let command: String
    /// How many stages ran, from what it said.
    let runs: (String) -> Int
  }

  private func tools(_ directory: String) throws(Failure) -> [Tool] {
    let randlora = MeasuredCommand.ownDirectory + "/randlora"
    let environment = "env -u RANDLORA_STORE -u RANDLORA_STORE_UPSTREAM XDG_CACHE_HOME='\(directory)/cache'"
    var tools = [
      Tool(name: "randlora", command: "\(environment) '\(randlora)' run pipeline.yaml") { output in
        let words = output.split(separator: "\n").last?.split(separator: " ") ?? []
        return words.first.flatMap { Int($0) } ?? -1
      }
    ]
    let peers = [("ninja", "ninja -j1", "["), ("make", "make -j1", "read ")]
    for (name, command, mark) in peers where (try? MeasuredCommand("command -v \(name)", in: directory)) != nil {
      tools.append(Tool(name: name, command: command) { $0.split(separator: "\n").count { $0.hasPrefix(mark) } })
    }
    return tools
  }

  private func measure(
    _ tool: Tool, _ work: RunnerWorkload, _ bare: MeasuredCommand, repeats: Int
  ) throws -> (json: JSONObject, row: [String]) {
    let cold = try MeasuredCommand(tool.command, in: work.directory)
    sleep(3)  // no time stamp may be so fresh that it proves nothing
    _ = try MeasuredCommand(tool.command, in: work.directory)
    let idle = try MeasuredCommand.median(of: repeats, tool.command, in: work.directory)
    let touched = try MeasuredCommand("touch src/c1l1 && \(tool.command)", in: work.directory)
    try work.change("c\(work.chain / 2)", to: "changed for \(tool.name)")
    let same = try MeasuredCommand(tool.command, in: work.directory)
    let overhead = (cold.processorSeconds - bare.processorSeconds) / Double(work.count)
    var object: JSONObject = [
      "stages": .integer(work.count), "all_made": .object(cold.json), "overhead_cpu_ms_per_stage": .number(overhead * 1000),
      "nothing_to_do": .object(idle.json),
    ]
    object["touched"] = .object(touched.json.with("runs", .integer(tool.runs(touched.output))))
    object["same_output"] = .object(same.json.with("runs", .integer(tool.runs(same.output))))
    let row = [
      tool.name, NumberText.fixed(cold.processorSeconds, decimals: 2), NumberText.fixed(overhead * 1000, decimals: 2),
      NumberText.fixed(idle.processorSeconds * 1000, decimals: 1),
      NumberText.fixed(Double(idle.peakBytes) / 1_048_576, decimals: 1), "\(tool.runs(touched.output))",
      "\(tool.runs(same.output))",
    ]
    return (object, row)
  }

  /// DVC on a workload of its own, of the same form.
  private func measureDVC() throws -> (json: JSONObject, row: [String])? {
    let directory = FileManager.default.temporaryDirectory.path + "/randlora-benchmark-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    guard dvcStages > 0, (try? MeasuredCommand("command -v \(dvc)", in: directory)) != nil else { return nil }
    let work = RunnerWorkload(directory: directory, chain: max(1, dvcStages / (1 + leaves)), leaves: leaves)
    try work.write()
    try work.writeDVC(dvc)
    let tool = Tool(name: "dvc (\(work.count) stages)", command: "\(dvc) repro") { output in
      output.split(separator: "\n").count { $0.hasPrefix("Running stage") }
    }
    return try measure(tool, work, try MeasuredCommand("sh bare.sh", in: directory), repeats: 3)
  }
}

extension JSONObject {
  fileprivate func with(_ name: String, _ value: JSON) -> JSONObject {
    var object = self
    object[name] = value
    return object
  }
}

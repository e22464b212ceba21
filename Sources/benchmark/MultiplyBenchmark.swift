import ArgumentParser
import JSON
import StageSupport
import Tensor

/// Times OpenBLAS, whose rate a step's is a share of.
struct MultiplyBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "multiply", abstract: "Time OpenBLAS's products of large float32 matrices.")

  @Option(help: "How long to multiply.") var seconds = 0.5
  @OptionGroup var computing: ComputeOptions

  func run() throws {
    Parallel.threads = try computing.threadCount()
    let rate = MultiplicationRate(seconds: seconds)
    var table = TextTable(.text("measured"), .number(""))
    table.add("sgemm GFLOP/s", NumberText.fixed(rate.gigaflops, decimals: 1))
    table.add("of a processor's time", NumberText.fixed(rate.gigaflopsPerProcessor, decimals: 1))
    Console.standard(quiet: false).table(table)
    let result: JSONObject = [
      "gigaflops": .number(rate.gigaflops), "gigaflops_per_processor": .number(rate.gigaflopsPerProcessor),
    ]
    Console.printResult(
      JSON.object(["settings": .object(["threads": .integer(Parallel.threads)]), "result": .object(result)]).text())
  }
}

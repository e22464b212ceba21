import COpenBLAS
import Failures
import JSON
import StageSupport
import Tensor

/// How fast OpenBLAS multiplies large float32 matrices on this machine: what a step's own rate is compared with.
struct MultiplicationRate {
  /// Operations (two a multiplication) a second, in billions.
  let gigaflops: Double
  /// The same by the processor time that all threads used, which other work on the machine disturbs less.
  let gigaflopsPerProcessor: Double

  /// The mean of two measurements.
  init(_ first: MultiplicationRate, _ second: MultiplicationRate) {
    gigaflops = (first.gigaflops + second.gigaflops) / 2
    gigaflopsPerProcessor = (first.gigaflopsPerProcessor + second.gigaflopsPerProcessor) / 2
  }

  /// What a process of its own measures, whose memory is not this one's.
  init(threads: Int, in directory: String) throws(Failure) {
    let result = try MeasuredCommand.benchmark(["multiply", "--threads", "\(threads)"], in: directory)
    gigaflops = try result.field("gigaflops").double()
    gigaflopsPerProcessor = try result.field("gigaflops_per_processor").double()
  }

  /// Multiplies (2048 × 2048) matrices for about as long as asked, with all threads.
  init(seconds: Double) {
    let size = 2048
    let values = (0..<size * size).map { Float($0 % 17) / 17 }
    let (a, b, c) = (Tensor(values, shape: [size, size]), Tensor(values, shape: [size, size]), Tensor(size, size))
    openblas_set_num_threads(blasint(Parallel.threads))
    func multiply() {
      let n = blasint(size)
      unsafe cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a.pointer, n, b.pointer, n, 0, c.pointer, n)
    }
    multiply()
    let start = Console.monotonicSeconds(), processorStart = RunEnvironment.processorSeconds
    var count = 0.0
    repeat {
      multiply()
      count += 1
    } while Console.monotonicSeconds() - start < seconds
    let billions = 2e-9 * count * Double(size * size * size)
    gigaflops = billions / (Console.monotonicSeconds() - start)
    gigaflopsPerProcessor = billions / (RunEnvironment.processorSeconds - processorStart)
  }
}

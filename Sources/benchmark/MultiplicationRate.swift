import StageSupport
import Tensor

/// How fast this machine multiplies large float32 matrices: what a step's own rate is compared with.
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

  /// Multiplies (1024 × 1024) matrices for about as long as asked, with all threads.
  init(seconds: Double = 0.5) {
    let size = 1024
    let values = (0..<size * size).map { Float($0 % 17) / 17 }
    let (a, b, c) = (Tensor(values, shape: [size, size]), Tensor(values, shape: [size, size]), Tensor(size, size))
    func multiply() { MatMul.multiply(Matrix(a), Matrix(b), into: Matrix(c)) }
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

package import ArgumentParser
package import Failures

/// The options that every stage has. None of them influences the result.
package struct StageOptions: ParsableArguments {
  @Option(
    name: [.long, .customShort("o"), .customLong("output-dir")],
    help: "The directory of the artifact to make. If it exists, it must be equal to what would be made.",
    completion: .directory)
  package var output: String?

  @Flag(help: "Print the result as JSON on standard output.")
  package var json = false

  @Flag(name: [.long, .customShort("q")], help: "Say nothing but errors and warnings.")
  package var quiet = false

  @Flag(help: "Print what this program reads, makes and takes, as JSON, and exit.")
  package var describe = false

  @Flag(help: "See whether the other options make sense together, read no artifact, and exit.")
  package var check = false

  package init() {}
}

/// The options of stages that compute.
package struct ComputeOptions: ParsableArguments {
  @Option(help: "Where to compute: auto or cpu.")
  package var device = "auto"

  @OptionGroup package var threading: ThreadOptions

  package init() {}

  /// - Throws: `ValidationError` when the device is not one that this build has.
  package func validate() throws {
    guard ["auto", "cpu"].contains(device) else {
      throw ValidationError("--device '\(device)' is not available: this build computes on the cpu")
    }
  }
}

/// The option of stages that use several cores.
package struct ThreadOptions: ParsableArguments {
  @Option(
    help: """
      How many threads to use. The result does not depend on it. Without it, $RANDLORA_THREADS counts, \
      else every core that this process may use.
      """)
  package var threads: Int?

  package init() {}
}

extension ComputeOptions {
  /// The number of threads to use, as `ThreadOptions` has it.
  package func threadCount() throws(Failure) -> Int { try threading.threadCount() }
}

extension ThreadOptions {
  /// The number of threads to use.
  ///
  /// - Throws: `Failure.usage` when the option or the variable is no number from 1 to 1024.
  package func threadCount() throws(Failure) -> Int {
    func checked(_ count: Int?, _ source: String) throws(Failure) -> Int {
      guard let count, (1...1024).contains(count) else {
        throw Failure(.usage, "\(source) must be a number from 1 to 1024")
      }
      return count
    }
    if let threads { return try checked(threads, "--threads") }
    if let variable = Console.environment("RANDLORA_THREADS"), !variable.isEmpty {
      return try checked(Int(variable), "the variable RANDLORA_THREADS ('\(variable)')")
    }
    return min(RunEnvironment.usableProcessors, 1024)
  }
}

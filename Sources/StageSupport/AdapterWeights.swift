package import ArgumentParser
package import Failures

/// The option of stages that add up the adapters of several checkpoints.
package struct AdapterWeights: ParsableArguments {
  @Option(
    name: [.long, .customLong("weight")], parsing: .unconditionalSingleValue,
    help: """
      What each checkpoint's update is multiplied with, in their order: numbers with commas between them, or the flag \
      once for each. Below 0 takes an adapter away. Without it: 1.
      """)
  package var weights: [String] = []

  package init() {}

  /// The numbers; none when none is given.
  package var values: [Double] { words.compactMap(Double.init) }

  private var words: [String] { weights.flatMap { $0.split(separator: ",").map { $0.filter { $0 != " " } } } }

  /// - Throws: `Failure.usage` at a word that is no number, or when there is not one for each checkpoint.
  package func check(checkpoints: Int) throws(Failure) {
    if let word = words.first(where: { !(Float($0)?.isFinite ?? false) }) {
      throw Failure(
        .usage, "--weights: '\(word)' is no number that float32 has",
        hint: "write numbers with commas between them: 0.7,-0.3")
    }
    guard words.isEmpty || words.count == checkpoints else {
      throw Failure(
        .usage, "--weights has \(words.count) of them, but there are \(checkpoints) checkpoints",
        hint: "give one for each --checkpoint, in their order")
    }
  }
}

package import Adapters
import Checkpoint
package import Datasets
package import Failures
package import Tokenizer
package import Transformer

#if canImport(Glibc)
  import Glibc
#endif

/// How well a model predicts the supervised tokens of a dataset.
package struct Evaluation: Sendable {
  package let rows: Int
  /// Supervised tokens.
  package let tokens: Int
  /// Mean negative log-likelihood (nats) a supervised token.
  package let loss: Double
  /// The share of supervised tokens that have the largest logit.
  package let tokenAccuracy: Double

  /// The most tokens of a micro-batch of more than one row; what a row scores does not depend on it beyond rounding.
  static let microBatchTokens = 2048

  /// e to the loss.
  package var perplexity: Double { exp(loss) }

  /// - Parameter progress: called with the number of rows done; what it throws ends the evaluation.
  /// - Throws: `Failure.badData` when the loss is so large that it says nothing, or no number.
  package init(
    model: DecoderModel, adapter: ActiveAdapter?, rows: TokenRows,
    progress: (Int) throws(Failure) -> Void = { _ in }
  ) throws(Failure) {
    var nll = 0.0
    var hits = 0
    var tokens = 0
    let lengths = (0..<rows.count).map(rows.length(ofRow:))
    for range in MicroBatch.ranges(lengths: lengths, tokens: Self.microBatchTokens) {
      let batch = MicroBatch(rows: range.map { (rows[$0].ids, rows[$0].supervised) })
      let result = model.loss(batch, adapter: adapter)
      nll += result.nll.reduce(0) { $0 + Double($1) }
      hits += result.correct.count { $0 }
      tokens += result.nll.count
      try progress(range.upperBound)
    }
    self.rows = rows.count
    self.tokens = tokens
    loss = nll / Double(max(1, tokens))
    guard exp(loss).isFinite else { throw DecoderModel.notFinite }
    tokenAccuracy = Double(hits) / Double(max(1, tokens))
  }
}

/// Whether greedy generation answers the prompts of a dataset word for word.
package struct ExactMatch: Sendable {
  /// One row's prompt, its reference answer and what the model said, as text.
  package struct Prediction: Sendable {
    package let prompt, expected, generated: String
    package var matches: Bool { expected.utf8.elementsEqual(generated.utf8) }
  }

  package let predictions: [Prediction]
  /// Prompts that fill the model's context and leave no room for an answer.
  package let unanswerable: Int
  package var matched: Int { predictions.count { $0.matches } }

  /// Rows that are generated together.
  static let rowsPerPass = 32

  /// - Parameters:
  ///   - stopTokens: the ids that end an answer.
  ///   - progress: called with the number of rows done; what it throws ends the work.
  package init(
    model: DecoderModel, adapter: ActiveAdapter?, rows: TokenRows, tokenizer: Tokenizer, maxNewTokens: Int,
    stopTokens: Set<Int32>, progress: (Int) throws(Failure) -> Void = { _ in }
  ) throws(Failure) {
    var predictions: [Prediction] = []
    var unanswerable = 0
    for start in stride(from: 0, to: rows.count, by: Self.rowsPerPass) {
      let part = (start..<min(start + Self.rowsPerPass, rows.count)).map { rows[$0] }
      let prompts = part.map { row in Array(row.ids.prefix(max(1, row.supervised.firstIndex(of: true) ?? row.ids.count))) }
      unanswerable += prompts.count { $0.count >= model.configuration.contextLength }
      let answers = try model.generate(
        prompts, maxNewTokens: maxNewTokens, stopTokens: stopTokens, adapter: adapter)
      for ((row, prompt), answer) in zip(zip(part, prompts), answers) {
        let reference = row.ids[prompt.count...].filter { !stopTokens.contains($0) }
        predictions.append(
          Prediction(
            prompt: tokenizer.decode(prompt, skipSpecialTokens: true),
            expected: trimmed(tokenizer.decode(Array(reference), skipSpecialTokens: true)),
            generated: trimmed(tokenizer.decode(answer, skipSpecialTokens: true))))
      }
      try progress(predictions.count)
    }
    (self.predictions, self.unanswerable) = (predictions, unanswerable)
  }
}

/// A text without white space at its ends.
private func trimmed(_ text: String) -> String {
  let scalars = text.unicodeScalars
  guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
    let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
  else { return "" }
  return String(scalars[first...last])
}

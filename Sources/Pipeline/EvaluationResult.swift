package import Artifacts
package import Failures
import JSON

/// One row of the table at the end of a run: what an evaluation artifact says.
package struct EvaluationResult: Sendable {
  package let label: RunEvent.Label
  /// Nil for the base alone.
  package let method: String?
  package let trainableParameters: Int
  package let step: Int?
  package let loss: Double
  package let perplexity: Double
  package let tokenAccuracy: Double
  /// Share of answers that are right word for word; nil when that was not asked for.
  package let exactMatch: Double?

  /// The name to show: the step of an evaluation along the way stands in a column of its own.
  package var name: String { label.stage }

  package init(_ label: RunEvent.Label, _ artifact: Artifact) throws(Failure) {
    let section = artifact.section
    self.label = label
    method = try section.optional("method")?.string()
    trainableParameters = try section.field("trainable_parameters").integer()
    step = try section.optional("step")?.integer()
    loss = try section.field("loss").double()
    perplexity = try section.field("perplexity").double()
    tokenAccuracy = try section.field("token_accuracy").double()
    exactMatch = try section.optional("exact_match")?.field("rate").double()
  }
}

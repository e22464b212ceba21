package import Adapters
package import Datasets
package import Failures
package import JSON
package import Transformer

/// What a training step will hold in memory, known from shapes and flags before the first step is taken.
///
/// Everything is counted at the moment of the peak: at the start of the backward pass, when the activations of all
/// layers are there.
package struct MemoryPlan: Sendable {
  package struct Part: Sendable, Equatable {
    package let name: String
    package let bytes: Int
  }

  /// The weights' files, mapped: the kernel can drop these pages, at the price of reading them again at every step.
  package let mapped: Int
  /// Memory of the process's own.
  package let parts: [Part]
  /// Layers, from the lowest adapted one up, whose activations are formed again in the backward pass.
  package let recomputedLayers: Int
  /// The most tokens that go through the model together.
  package let tokens: Int

  package var privateBytes: Int { parts.bytes }
  package var total: Int { mapped + privateBytes }

  /// - Parameters:
  ///   - steps: the optimiser steps to be taken, counted from 0.
  ///   - limit: the most memory that may be used, weights included; nil: whatever it takes.
  /// - Throws: `Failure.usage` when it cannot be done within the limit.
  package init(
    model: DecoderModel, adapter: Adapter, rows: TokenRows, recipe: TrainingRecipe, steps: Range<Int>,
    threads: Int, limit: Int? = nil
  ) throws(Failure) {
    let tokens = RowSchedule(rows: rows.count, recipe: recipe).mostTokens(
      inSteps: steps, microBatchTokens: Trainer.microBatchTokens, length: rows.length(ofRow:))
    let need = StepMemory(
      model: model, adapter: adapter, tokens: tokens, stepTokens: recipe.tokensPerStep(rows: rows), threads: threads)
    let fitting = (0...need.savedLayers).first { recomputed in
      need.mapped + need.parts(recomputing: recomputed).bytes <= limit ?? .max
    }
    guard let recomputed = fitting else { throw need.refusal(limit: limit ?? 0) }
    self.tokens = tokens
    mapped = need.mapped
    recomputedLayers = recomputed
    parts = need.parts(recomputing: recomputed)
  }

  /// As `--plan` prints it.
  package var json: JSONObject {
    var parts = JSONObject()
    for part in self.parts { parts[part.name] = .integer(part.bytes) }
    return [
      "mapped_bytes": .integer(mapped), "private_bytes": .integer(privateBytes), "total_bytes": .integer(total),
      "parts": .object(parts), "recomputed_layers": .integer(recomputedLayers), "micro_batch_tokens": .integer(tokens),
    ]
  }
}

extension [MemoryPlan.Part] {
  /// All together.
  var bytes: Int { reduce(0) { $0 + $1.bytes } }
}

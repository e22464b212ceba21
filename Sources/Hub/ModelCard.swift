/// The README.md of a published adapter, as the Hugging Face Hub reads it: facts in a YAML header, then text.
///
/// It names models by their ids on the Hub and never a path of the machine that made the adapter.
package struct ModelCard: Sendable {
  /// "RandLoRA" or "LoRA".
  package var method: String
  /// Of the base model on the Hub, `ORG/NAME`; nil when it is not known.
  package var baseModel: String?
  package var rank: Int
  package var alpha: Double
  package var targetModules: [String]
  package var trainableParameters: Int
  package var steps: Int

  package init(
    method: String, baseModel: String?, rank: Int, alpha: Double, targetModules: [String],
    trainableParameters: Int, steps: Int
  ) {
    self.method = method
    self.baseModel = baseModel
    self.rank = rank
    self.alpha = alpha
    self.targetModules = targetModules
    self.trainableParameters = trainableParameters
    self.steps = steps
  }

  package var text: String {
    let base = baseModel.map { "base_model: \($0)\n" } ?? ""
    let model = baseModel ?? "BASE_MODEL"
    let alphaText = Int(exactly: alpha).map { "\($0)" } ?? "\(alpha)"
    let targets = targetModules.map { "`\($0)`" }.joined(separator: ", ")
    return """
      ---
      \(base)library_name: peft
      pipeline_tag: text-generation
      tags:
      - \(method.lowercased())
      ---

      # \(method) adapter\(baseModel.map { " for \($0)" } ?? "")

      | | |
      |---|---|
      | method | \(method) |
      | rank | \(rank) |
      | alpha | \(alphaText) |
      | target modules | \(targets) |
      | trained parameters | \(trainableParameters) |
      | optimiser steps | \(steps) |

      ```python
      from peft import PeftModel
      from transformers import AutoModelForCausalLM

      model = AutoModelForCausalLM.from_pretrained("\(model)")
      model = PeftModel.from_pretrained(model, "PATH_OR_ID_OF_THIS_ADAPTER")
      ```

      """
  }
}

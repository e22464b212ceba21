package import Adapters
package import Artifacts
import Checkpoint
package import Failures
package import JSON
package import ModelArtifacts

/// An `adapter` artifact that is the LoRA form of checkpoints' adapters.
package enum ConvertedAdapter {
  /// The manifest's section.
  /// - Parameter checkpoints: those that the adapters come from, in their order.
  package static func section(
    _ conversion: LoRAConversion, of adapters: WeightedAdapters, from checkpoints: [Artifact], base: BaseModel
  ) throws(Failure) -> JSONObject {
    let only = checkpoints.count == 1 ? checkpoints[0] : nil
    let sources = zip(checkpoints, adapters.parts).map { artifact, part -> JSON in
      ["checkpoint": .string(artifact.digest.hex), "weight": .number(part.weight)]
    }
    let layers = conversion.layers.map { layer -> JSON in
      ["module": .string(layer.module.name), "rank": .integer(layer.rank), "relative_error": .number(layer.relativeError)]
    }
    return [
      "base_model_id": try base.artifact.section.field("base_model_id").value,
      "base": .string(base.artifact.digest.hex), "checkpoint": only.map { .string($0.digest.hex) } ?? .null,
      "step": try only.map { (artifact) throws(Failure) in try artifact.section.field("step").value } ?? .null,
      "method": .string(AdapterMethod.lora.rawValue),
      "trainable_parameters": .integer(conversion.adapter.layout.count), "save_projection": false,
      "conversion": ["adapters": .array(sources), "layers": .array(layers)],
    ]
  }
}
